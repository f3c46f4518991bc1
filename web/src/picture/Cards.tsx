/* What every device can be shown as: its points by scan group, each with its value and a bar between its bounds, states as words. */
import { memo } from 'react';
import { Link } from 'react-router';
import type { Group, Point } from '../api/contract';
import { useLive, useSocketState } from '../api/live';
import { useText } from '../app/lang';
import { formatNumber } from '../lib/format';
import { QualityText } from '../lib/Quality';
import { rangeOf, shareOf, ticksOf } from './range';
import { readingOf, whyOf, type Reading } from './reading';
import { classOf } from './Tile';

/** More cards than this are not one picture any more: the live values' list is made for them. */
export const CARDS_MAX = 300;

const isState = (p: Point): boolean => p.type === 'bool' || Boolean(p.state_texts && Object.keys(p.state_texts).length);

/** A card as it stands for a reading; drawn from it alone. */
export function CardOf({ r, q, t }: { r: Reading; q?: number; t: ReturnType<typeof useText>['t'] }) {
	const p = r.point;
	const range = p.type === 'string' || isState(p) ? undefined : rangeOf(p);
	return (
		<>
			<span className="gauge-value">
				{r.look === 'none' ? <span className="gauge-none">{whyOf(r, t)}</span> : r.look === 'bad' && q !== undefined ? <QualityText q={q} />
					: isState(p) ? <span className={`gauge-word ${r.n ? 'on' : ''}`}>{r.text}</span> : <b className={r.text.length > 14 ? 'long' : ''}>{r.text}</b>}
			</span>
			{r.limit && <small className="gauge-limit">{t(`limit.${r.limit}`)}</small>}
			{(r.look === 'stale' || r.look === 'uncertain') && <small className="gauge-limit">{whyOf(r, t)}</small>}
			{range && (
				<span className="gauge-bar" aria-hidden="true">
					<i style={{ width: `${r.n === null ? 0 : 100 * shareOf(r.n, range)}%` }} className={r.over} />
					{ticksOf(p, range).map((x) => <u key={x.name} style={{ left: `${100 * x.at}%` }} className={x.cls} title={x.name} />)}
					<small className="gauge-ends"><span>{formatNumber(range.min)}</span><span>{formatNumber(Number(range.max.toPrecision(4)))}</span></small>
				</span>
			)}
		</>
	);
}

const Card = memo(function Card({ p }: { p: Point }) {
	const { t } = useText();
	const live = useLive(p.id);
	const r = readingOf(p, live, useSocketState() === 'lost');
	return (
		<li className={`gauge-card ${classOf(r)}`}>
			<Link to={`/trend?p=${p.id}`} className="gauge-name" title={`${p.code} ${p.description ?? ''}`}>{p.name || p.code}</Link>
			<CardOf r={r} q={live?.q} t={t} />
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
