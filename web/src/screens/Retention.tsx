/* How long samples, and figures of minutes and hours, are kept; and what would go if it were so many days. Nothing is changed from here. */
import { useState } from 'react';
import { useQuery } from '@tanstack/react-query';
import { Alert, InputNumber } from 'antd';
import { get } from '../api/http';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { formatBytes, formatCount } from '../lib/format';

type Kept = 'samples' | 'minutes' | 'hours';
type Days = Record<Kept, number>;
interface Answer { keep: Days; asked: Days; today: string; files: number; bytes: number; gone_samples: number; first?: string | null; last?: string | null }

const KEPT: Kept[] = ['samples', 'minutes', 'hours'];
const DAYS_MAX = 36500;

const useRetention = (asked: Partial<Days>) => {
	const query = KEPT.filter((k) => asked[k] !== undefined).map((k) => `${k}=${asked[k]}`).join('&');
	return useQuery({ queryKey: ['storage', 'retention', query], queryFn: ({ signal }) => get<Answer>(`/history/retention${query ? `?${query}` : ''}`, signal),
		placeholderData: (before) => before });
};

export function Retention() {
	const { t } = useText();
	const [asked, setAsked] = useState<Partial<Days>>({});
	const { data: r, error } = useRetention(asked);
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
			<p className="muted" style={{ marginTop: 8 }} role="status">
				{KEPT.every((k) => asked[k] === undefined) ? t('retention.how')
					: r.gone_samples || r.first ? t('retention.would', { samples: formatCount(r.gone_samples), size: formatBytes(r.bytes), files: formatCount(r.files), from: day(r.first), to: day(r.last) })
						: t('retention.nothing')}
			</p>
		</section>
	);
}
