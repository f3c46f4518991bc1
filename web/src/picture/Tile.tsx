/* A device of the plant in a few lines: what it is, how it does, its most telling values. Asks and listens only while it is on the screen. */
import { memo, useEffect, useMemo, useRef, useState } from 'react';
import { Link } from 'react-router';
import { useList } from '../api/calls';
import type { Device, LinkRow, Point } from '../api/contract';
import { useLive, useSocketState, useSubscription } from '../api/live';
import { useText } from '../app/lang';
import { isTroubled, linkClass } from '../lib/links';
import { LinkNote } from '../screens/Plant';
import { readingOf, whyOf, type Reading } from './reading';
import { useMachineState } from './Picture';
import { picturesFor, type Bound } from './rules';
import { codesOfState } from './template';
import { StateShape, wordOf } from './Values';
import { Glyph } from './Glyph';

const KEYS = 3;
/** A tile needs the points that choose its picture; what a device has beyond these does not change its tile. */
const POINTS_MAX = 1000;
const FIELDS = 'id,device,group,code,name,type,unit,decimals,state_texts,limit_ll,limit_l,limit_h,limit_hh,enabled';

/** A tile that only passes by while one scrolls asks nothing. */
const STAY_MS = 200;

/** Is the element on the screen, or nearly, and does it stay? */
function useSeen<E extends Element>(): [React.RefObject<E | null>, boolean] {
	const ref = useRef<E>(null);
	const [seen, set] = useState(false);
	useEffect(() => {
		let timer: ReturnType<typeof setTimeout> | undefined;
		let isFirst = true;
		const see = new IntersectionObserver((entries) => {
			clearTimeout(timer);
			if (entries[entries.length - 1]!.isIntersecting) timer = setTimeout(() => set(true), isFirst ? 0 : STAY_MS);
			else set(false);
			isFirst = false;
		}, { rootMargin: '120px' });
		if (ref.current) see.observe(ref.current);
		return () => {
			clearTimeout(timer);
			see.disconnect();
		};
	}, []);
	return [ref, seen];
}

/** What to show of a device without a picture: numbers with limits first, then other numbers. */
export function tellingPoints(points: Point[]): Point[] {
	const isPlain = (p: Point): boolean => p.type !== 'string' && p.type !== 'bool' && Boolean(p.unit);
	const hasLimit = (p: Point): boolean => ['limit_ll', 'limit_l', 'limit_h', 'limit_hh'].some((k) => typeof p[k] === 'number');
	const rank = (p: Point): number => (p.enabled === false ? 3 : hasLimit(p) ? 0 : isPlain(p) ? 1 : 2);
	return [...points].sort((a, b) => rank(a) - rank(b)).slice(0, KEYS);
}

export const Tile = memo(function Tile({ device, link }: { device: Device; link?: LinkRow }) {
	const { t } = useText();
	const [ref, seen] = useSeen<HTMLLIElement>();
	const name = device.name || device.code;
	const isBad = isTroubled(link);
	const calm = link && linkClass(link.state) === 'running';
	return (
		<li ref={ref} className={`tile ${isBad ? 'is-bad' : ''}`} data-device={device.code}>
			<Link to={`/picture/${device.id}`} className="tile-name">{name}</Link>
			{seen ? <Inside device={device} calm={Boolean(calm)} /> : <span className="tile-glyph" />}
			<span className="tile-foot">
				{link && <span className="tile-link"><span className="nowrap">{t('menu.status')}</span> <LinkNote link={link} /></span>}
				{link && calm && Boolean(link.points_bad) && <span className="q q-bad">✕ {t('plant.bad', { n: link.points_bad })}</span>}
			</span>
		</li>
	);
});

function Inside({ device, calm }: { device: Device; calm: boolean }) {
	const points = useList<Point>('points', { device: device.id, limit: POINTS_MAX, fields: FIELDS });
	const list = points.data?.items;
	const bound = useMemo(() => (list ? picturesFor(list)[0] : undefined), [list]);
	const keys = useMemo(() => (bound ? bound.template.keys.flatMap((c) => bound.points.get(c) ?? []).slice(0, KEYS) : tellingPoints(list ?? [])), [bound, list]);
	const ids = useMemo(() => [...new Set([...keys.map((p) => p.id), ...(bound ? codesOfState(bound.template).flatMap((c) => bound.points.get(c)?.id ?? []) : [])])], [keys, bound]);
	useSubscription(ids, 1);
	return (
		<>
			<Glyph picture={bound?.template.id} />
			{bound && calm ? <TileState bound={bound} /> : <span className="tile-state" />}
			<dl className="tile-values">{keys.map((p) => <Key key={p.id} p={p} />)}</dl>
		</>
	);
}

function TileState({ bound }: { bound: Bound }) {
	const { t, lang } = useText();
	const s = useMachineState(bound);
	return <span className={`tile-state is-${s.as}`}><svg width="14" height="14" viewBox="-10 -10 20 20" aria-hidden="true"><StateShape as={s.as} /></svg>{wordOf(s, { t, lang })}</span>;
}

function Key({ p }: { p: Point }) {
	const { t } = useText();
	const live = useLive(p.id);
	const r = readingOf(p, live, useSocketState() === 'lost');
	return (
		<div className={classOf(r)}>
			<dt title={p.code}>{p.name || p.code}</dt>
			<dd>{r.look === 'none' ? '–' : r.look === 'bad' ? `✕ ${whyOf(r, t)}` : <>{r.text}{r.limit && <small> {r.limit.toUpperCase()}</small>}</>}{r.look === 'stale' && <small> · {whyOf(r, t)}</small>}</dd>
		</div>
	);
}

/** The look of a value that stands in text: hatched when it is not to be believed. */
export const classOf = (r: Reading): string => (r.look === 'bad' ? 'hatched is-bad' : r.look === 'stale' || r.look === 'none' ? 'hatched' : r.over ? `is-${r.over}` : r.look === 'uncertain' ? 'is-warn' : '');
