/* How long samples, and figures of minutes and hours, are kept; and what would go if it were so many days. Nothing is changed from here. */
import { useState } from 'react';
import { useQuery } from '@tanstack/react-query';
import { Alert, InputNumber } from 'antd';
import { Link } from 'react-router';
import { get } from '../api/http';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import type { Rec } from '../api/contract';
import { formatBytes, formatCount } from '../lib/format';
import { recordTitle } from '../lib/records';

type Kept = 'samples' | 'minutes' | 'hours';
type Days = Record<Kept, number>;
interface LabelDays { label: string; code: string; name?: string; keep_days?: number | null; points: number; decides: number }
interface Answer {
	keep: Days; asked: Days; today: string; files: number; bytes: number; gone_samples: number; first?: string | null; last?: string | null;
	labels?: LabelDays[]; own?: number;
}

const KEPT: Kept[] = ['samples', 'minutes', 'hours'];
const DAYS_MAX = 36500;

/** What if a data label said so many days? */
interface LabelAsked { label: string; days: number }

const useRetention = (asked: Partial<Days>, of?: LabelAsked) => {
	const query = [...KEPT.filter((k) => asked[k] !== undefined).map((k) => `${k}=${asked[k]}`), ...(of ? [`label=${of.label}`, `days=${of.days}`] : [])].join('&');
	return useQuery({ queryKey: ['storage', 'retention', query], queryFn: ({ signal }) => get<Answer>(`/history/retention${query ? `?${query}` : ''}`, signal),
		placeholderData: (before) => before });
};

export function Retention() {
	const { t } = useText();
	const [asked, setAsked] = useState<Partial<Days>>({});
	const [of, setOf] = useState<LabelAsked>();
	const { data: r, error } = useRetention(asked, of);
	const days = (n: number): string => (n ? t('retention.days', { n: formatCount(n) }) : t('retention.for_ever'));
	if (error) return <Alert className="gap-below" type="error" showIcon title={problemText(error, t)} />;
	if (!r) return null;
	const day = (at?: string | null): string => at?.slice(0, 10) ?? '';
	return (
		<section className="sheet sheet-pad gap-below" aria-label={t('retention.title')}>
			<h2>{t('retention.title')}</h2>
			<div style={{ display: 'flex', gap: 24, flexWrap: 'wrap' }}>
				{KEPT.map((k) => (
					<div key={k} style={{ minWidth: 150 }}>
						<div className="muted">{t(`retention.${k}`)}</div>
						<div style={{ fontSize: 20, fontVariantNumeric: 'tabular-nums' }}>{days(r.keep[k])}</div>
						<InputNumber aria-label={t('retention.ask', { what: t(`retention.${k}`) })} min={0} max={DAYS_MAX} precision={0} placeholder={String(r.keep[k])}
							value={asked[k] ?? null} onChange={(n) => setAsked({ ...asked, [k]: n ?? undefined })} style={{ marginTop: 4, width: 110 }} />
					</div>
				))}
			</div>
			{(r.labels?.length ?? 0) > 0 && (
				<div className="scroll-x" style={{ marginTop: 12 }}>
					<table className="plain-table" aria-label={t('retention.labels')}>
						<thead><tr><th>{t('term.label')}</th><th className="num">{t('retention.samples')}</th><th className="num">{t('term.points')}</th><th className="num">{t('retention.decides')}</th><th>{t('retention.ask_label')}</th></tr></thead>
						<tbody>{r.labels!.map((l) => (
							<tr key={l.label}>
								<td><Link to={`/r/labels/${l.label}`}>{recordTitle({ id: l.label, code: l.code, name: l.name } as Partial<Rec>)}</Link></td>
								<td className="num">{l.keep_days === null || l.keep_days === undefined ? '–' : days(l.keep_days)}</td>
								<td className="num">{formatCount(l.points)}</td>
								<td className="num">{formatCount(l.decides)}</td>
								<td><InputNumber size="small" aria-label={t('retention.ask', { what: l.code })} min={0} max={DAYS_MAX} precision={0} value={of?.label === l.label ? of.days : null}
									onChange={(n) => setOf(n === null ? undefined : { label: l.label, days: n })} style={{ width: 90 }} /></td>
							</tr>
						))}</tbody>
					</table>
					<p className="muted small">{t('retention.label_rule', { n: formatCount(r.own ?? 0) })}</p>
				</div>
			)}
			<p className="muted" style={{ marginTop: 8 }} role="status">
				{KEPT.every((k) => asked[k] === undefined) && !of ? t('retention.how')
					: r.gone_samples || r.first ? t('retention.would', { samples: formatCount(r.gone_samples), size: formatBytes(r.bytes), files: formatCount(r.files), from: day(r.first), to: day(r.last) })
						: t('retention.nothing')}
			</p>
		</section>
	);
}
