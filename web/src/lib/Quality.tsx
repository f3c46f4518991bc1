/* Quality as a shape, a word and a colour, so that none of the three is needed alone. */
import { memo } from 'react';
import { useLive } from '../api/live';
import type { Point } from '../api/contract';
import { serverNow } from '../api/http';
import { useTick } from '../app/hooks';
import { useText } from '../app/lang';
import { ageOf, formatDateTime, formatValue, THIN } from './format';
import { qualityId, severity, WAITING } from './quality';

export function QualityMark({ q }: { q: number }) {
	const s = severity(q);
	return (
		<svg width="11" height="11" viewBox="0 0 12 12" aria-hidden="true">
			{s === 'good' && <circle cx="6" cy="6" r="3" fill="var(--good-dot)" />}
			{s === 'uncertain' && <path d="M6 1 11.500 11H.5z" fill="none" stroke="currentColor" strokeWidth="1.6" />}
			{s === 'bad' && <path d="M1.500 1.500l9 9m0-9l-9 9" stroke="currentColor" strokeWidth="2.4" />}
		</svg>
	);
}

export function QualityText({ q }: { q: number }) {
	const { t } = useText();
	return <span className={`q q-${severity(q)}`}><QualityMark q={q} />{t(`quality.${qualityId(q)}`)}</span>;
}

const formatOf = (p: Point) => ({ decimals: p.decimals ?? undefined, type: p.type, states: p.state_texts ?? undefined });

export const LiveCell = memo(function LiveCell({ point }: { point: Point }) {
	const live = useLive(point.id);
	if (!live || (live.v === null && live.q === WAITING)) return <span className="v v-none">–</span>;
	const s = severity(live.q);
	return (
		<span className={`v v-${live.v === null ? 'none' : s}`}>
			{formatValue(live.v, formatOf(point))}
			{point.unit && live.v !== null && <span className="u">{THIN}{point.unit}</span>}
		</span>
	);
});

export const QualityCell = memo(function QualityCell({ point }: { point: Point }) {
	const live = useLive(point.id);
	return live ? <QualityText q={live.q} /> : <span className="v v-none">…</span>;
});

export const AgeCell = memo(function AgeCell({ point }: { point: Point }) {
	const { t } = useText();
	const live = useLive(point.id);
	useTick(1000);
	if (!live || !live.t) return <span className="muted">–</span>;
	const age = ageOf(serverNow() - live.t / 1000);
	return <span className="muted" title={formatDateTime(live.t / 1000, true)}>{t(`age.${age.unit}`, { n: age.n })}</span>;
});
