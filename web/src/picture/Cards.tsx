/* What every device can be shown as: its points by scan group, each with its value and a bar between its bounds. */
import { memo } from 'react';
import { Link } from 'react-router';
import type { Group, Point } from '../api/contract';
import { useLive } from '../api/live';
import { useText } from '../app/lang';
import { formatNumber, formatValue, THIN } from '../lib/format';
import { QualityText } from '../lib/Quality';
import { severity } from '../lib/quality';
import { beyond, rangeOf, shareOf, ticksOf } from './range';

const Card = memo(function Card({ p }: { p: Point }) {
	const live = useLive(p.id);
	const q = live ? severity(live.q) : 'bad';
	const value = live && live.v !== null && q !== 'bad' ? live.v : null;
	const range = p.type === 'bool' || p.type === 'string' || (p.state_texts && Object.keys(p.state_texts).length) ? undefined : rangeOf(p);
	const number = typeof value === 'number' ? value : null;
	const over = number === null ? '' : beyond(number, p);
	return (
		<li className={`gauge-card ${live && q === 'bad' ? 'is-bad' : over ? `is-${over}` : ''}`}>
			<Link to={`/trend?p=${p.id}`} className="gauge-name" title={`${p.code} ${p.description ?? ''}`}>{p.name || p.code}</Link>
			<span className="gauge-value">
				{value === null ? (live ? <QualityText q={live.q} /> : <span className="muted">–</span>)
					: <><b>{formatValue(value, { decimals: p.decimals ?? undefined, type: p.type, states: p.state_texts ?? undefined })}</b>{p.unit && <small>{THIN}{p.unit}</small>}</>}
			</span>
			{range && (
				<span className="gauge-bar" aria-hidden="true">
					<i style={{ width: `${number === null ? 0 : 100 * shareOf(number, range)}%` }} className={over} />
					{ticksOf(p, range).map((x) => <u key={x.name} style={{ left: `${100 * x.at}%` }} className={x.cls} title={x.name} />)}
					<small className="gauge-ends"><span>{formatNumber(range.min)}</span><span>{formatNumber(range.max)}</span></small>
				</span>
			)}
		</li>
	);
});

export function Cards({ points, groups }: { points: Point[]; groups: Group[] }) {
	const { t } = useText();
	const parts = groups.map((g) => ({ g, list: points.filter((p) => p.group === g.id) })).filter((x) => x.list.length);
	return (
		<>
			{parts.map(({ g, list }) => (
				<section key={g.id} aria-label={g.name || g.code}>
					<h2>{g.name || g.code} <span className="muted small">{t('plant.count', { n: list.length })}</span></h2>
					<ul className="gauge-cards">{list.map((p) => <Card key={p.id} p={p} />)}</ul>
				</section>
			))}
		</>
	);
}
