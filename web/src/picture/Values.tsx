/* The symbols that say something: values, lamps, states, counters. Each is a link to its trend. A shape, a word and a colour, never colour alone. */
import { THIN } from '../lib/format';
import { isDark, isOn, nameOf, said, spoken, type Of, type Pen } from './draw';
import { fit, sizeFor, whyOf, wordFor, type MachineState, type Reading } from './reading';
import { rangeOf, shareOf, ticksOf, type Range } from './range';

export const TAG_W = 132;
const TAG_H = 36;
export const ROW = 50;

const lookOf = (r: Reading): string => (r.look === 'good' ? r.over : r.look === 'uncertain' ? r.over || 'warn' : r.look === 'bad' ? 'bad' : 'dim');
const isHatched = (r: Reading): boolean => r.look !== 'good' && r.look !== 'uncertain';

interface TagProps {
	r: Reading;
	pen: Pen;
	x: number;
	y: number;
	w: number;
	h: number;
	name?: string;
	big?: boolean;
	bar?: Range;
}
/** Name, value and unit, and where between its bounds it is; hatched and with the reason when it is not to be believed. */
export function Value({ r, pen, x, y, w, h, name, big, bar }: TagProps) {
	const title = name ?? nameOf(r);
	const size = big ? 22 : 15;
	const hatched = isHatched(r);
	const base = y + h - (bar && !hatched ? 14 : big ? 12 : h < 40 ? 6 : 8);
	const word = whyOf(r, pen.t);
	const mark = r.limit ? `${r.limit.toUpperCase()}${r.limit.startsWith('h') ? '▲' : '▼'}` : r.look === 'uncertain' ? '△' : '';
	return (
		<a {...pen.link(r.point.id)} className={`pic-tag ${lookOf(r)}`} aria-label={`${nameOf(r)}: ${spoken(r, pen)}`}>
			<title>{`${nameOf(r)} ${r.point.code}${word ? `: ${word}` : ''}${r.limit ? `: ${pen.t(`limit.${r.limit}`)}` : ''}`}</title>
			<rect x={x} y={y} width={w} height={h} rx={3} className="pic-tag-box" />
			{hatched && <rect x={x} y={y} width={w} height={h} rx={3} fill={`url(#${pen.hatch})`} />}
			<text x={x + 8} y={y + 13} className="pic-tag-name">{fit(title, w - 16, 11)}</text>
			{mark && <text x={x + 8} y={base} className="pic-tag-mark">{mark}</text>}
			{r.text && r.look !== 'stale' && <text x={x + w - 8} y={base} className="pic-tag-value" style={{ fontSize: sizeFor(r.text, w - 14 - (mark ? 26 : 0), size) }}>{r.text}</text>}
			{hatched && <text x={x + w - 8} y={base} className="pic-tag-word">{wordFor(r, pen.t, w - 14, 12)}</text>}
			{bar && !hatched && <Bar r={r} x={x + 8} y={y + h - 8} w={w - 16} range={bar} />}
		</a>
	);
}

function Bar({ r, x, y, w, range }: { r: Reading; x: number; y: number; w: number; range: Range }) {
	const share = r.n === null ? null : shareOf(r.n, range);
	return (
		<g>
			<rect x={x} y={y} width={w} height={3} className="pic-bar" />
			{share !== null && <rect x={x} y={y} width={w * share} height={3} className={`pic-bar-value ${r.over}`} />}
			{ticksOf(r.point, range).map((k) => <path key={k.name} d={`M ${x + w * k.at} ${y - 3} v 9`} className={`pic-limit ${k.cls}`} />)}
		</g>
	);
}

const barOf = (r: Reading, given?: [number, number]): Range | undefined => {
	if (r.point.type === 'bool' || (r.point.state_texts && Object.keys(r.point.state_texts).length)) return undefined;
	return given ? { min: given[0], max: given[1] } : rangeOf(r.point);
};

export function Tag({ x, y, point, w, big, bar, text, text_zh, pen }: Of<'tag'>) {
	const r = pen.read(point);
	if (!r) return null;
	const range = bar && barOf(r, bar);
	const name = text ? said(pen, { text, text_zh: text_zh ?? text }) : undefined;
	return <Value r={r} pen={pen} x={x} y={y} w={w ?? TAG_W} h={big ? 56 : w ? 44 : TAG_H} big={big} bar={range} name={name} />;
}

/** A table of values; what the device has not leaves no hole. */
export function Tags({ x, y, points, w, columns, pen }: Of<'tags'>) {
	const there = points.flatMap((p) => {
		const [code, min, max] = typeof p === 'string' ? [p] : p;
		const r = pen.read(code);
		return r ? [{ r, bar: barOf(r, min !== undefined && max !== undefined ? [min, max] : undefined) }] : [];
	});
	const each = (w - 8 * (columns - 1)) / columns;
	return <g>{there.map(({ r, bar }, i) => <Value key={r.point.id} r={r} pen={pen} x={x + (i % columns) * (each + 8)} y={y + Math.floor(i / columns) * ROW} w={each} h={44} bar={bar} />)}</g>;
}

export function Lamp({ x, y, point, text, text_zh, on, pen }: Of<'lamp'>) {
	const r = pen.read(point);
	if (!r) return null;
	const dark = isDark(r);
	return (
		<a {...pen.link(r.point.id)} className={`pic-lamp ${dark ? 'unknown' : isOn(r) ? on : 'dark'}`} aria-label={`${nameOf(r)}: ${spoken(r, pen)}`}>
			<title>{`${nameOf(r)} ${r.point.code}: ${spoken(r, pen)}`}</title>
			<rect x={x} y={y} width={120} height={28} rx={14} />
			{dark && <rect x={x} y={y} width={120} height={28} rx={14} style={{ fill: `url(#${pen.hatch})` }} />}
			<circle cx={x + 16} cy={y + 14} r={6} />
			<text x={x + 30} y={y + 19}>{fit(said(pen, { text, text_zh }) + (dark ? ' ✕' : ''), 86, 13)}</text>
		</a>
	);
}

const SHAPES: Record<MachineState['as'], string> = {
	alarm: 'M 0 -8 L 9 8 H -9 Z', warn: 'M 0 -8 L 9 8 H -9 Z', run: 'M -6 -8 L 8 0 L -6 8 Z', setup: 'M 0 -7 A 7 7 0 1 0 0 7 Z M 0 -7 A 7 7 0 0 1 0 7',
	idle: 'M -7 0 A 7 7 0 1 0 7 0 A 7 7 0 1 0 -7 0 Z', stop: 'M -6 -6 H 6 V 6 H -6 Z', unknown: 'M -6 -6 L 6 6 M 6 -6 L -6 6',
};
/** The shape of a state, around 0, 0. */
export const StateShape = ({ as }: { as: MachineState['as'] }) => (
	<g className={`pic-state-shape is-${as}`}><path d={SHAPES[as]} />{(as === 'alarm' || as === 'warn') && <path d="M 0 -3 V 3 M 0 5 V 6.500" className="pic-state-bang" />}</g>
);
export const wordOf = (s: MachineState, pen: Pick<Pen, 'lang' | 't'>): string => (s.said ? said(pen as Pen, s.said) : pen.t('picture.state_unknown'));

export function State({ x, y, w, pen }: Of<'state'>) {
	const s = pen.state;
	return (
		<g className={`pic-state is-${s.as}`} role="img" aria-label={`${pen.t('picture.state')}: ${wordOf(s, pen)}`}>
			<rect x={x} y={y} width={w} height={36} rx={4} />
			{s.as === 'unknown' && <rect x={x} y={y} width={w} height={36} rx={4} style={{ fill: `url(#${pen.hatch})` }} />}
			<g transform={`translate(${x + 22} ${y + 18})`}><StateShape as={s.as} /></g>
			<text x={x + 42} y={y + 24}>{fit(wordOf(s, pen), w - 50, 18)}</text>
		</g>
	);
}

/** What the machine says is wrong: a state whose 0 means nothing is. */
export function Alarm({ x, y, w, point, pen }: Of<'alarm'>) {
	const r = pen.read(point);
	if (!r) return null;
	const dark = isDark(r);
	const on = isOn(r);
	const text = dark ? `✕ ${whyOf(r, pen.t)}` : on ? r.text : pen.t('picture.no_alarm');
	return (
		<a {...pen.link(r.point.id)} className={`pic-state ${dark ? 'is-unknown' : on ? 'is-alarm' : 'is-idle'}`} aria-label={`${nameOf(r)}: ${spoken(r, pen)}`}>
			<title>{`${nameOf(r)} ${r.point.code}: ${spoken(r, pen)}`}</title>
			<rect x={x} y={y} width={w} height={36} rx={4} />
			{dark && <rect x={x} y={y} width={w} height={36} rx={4} style={{ fill: `url(#${pen.hatch})` }} />}
			{on && <g transform={`translate(${x + 22} ${y + 18})`}><StateShape as="alarm" /></g>}
			<text x={x + (on ? 42 : 14)} y={y + 23} className="pic-state-small">{fit(text, w - (on ? 50 : 24), 14)}</text>
		</a>
	);
}

/** How many of how many. */
export function Progress({ x, y, w, point, of, text, text_zh, pen }: Of<'progress'>) {
	const done = pen.read(point);
	const all = pen.read(of);
	if (!done || !all) return null;
	const [n, m] = [done.look === 'stale' ? null : done.n, all.look === 'stale' ? null : all.n];
	const known = n !== null && m !== null;
	return (
		<a {...pen.link(done.point.id)} className={`pic-tag ${known ? '' : lookOf(n === null ? done : all)}`} aria-label={`${said(pen, { text, text_zh })}: ${known ? `${done.text} / ${all.text}` : spoken(n === null ? done : all, pen)}`}>
			<title>{`${nameOf(done)} ${done.point.code} / ${nameOf(all)} ${all.point.code}`}</title>
			<rect x={x} y={y} width={w} height={44} rx={3} className="pic-tag-box" />
			{!known && <rect x={x} y={y} width={w} height={44} rx={3} fill={`url(#${pen.hatch})`} />}
			<text x={x + 8} y={y + 19} className="pic-tag-name">{said(pen, { text, text_zh })}</text>
			<text x={x + w - 8} y={y + 21} className={known ? 'pic-tag-value' : 'pic-tag-word'} style={{ fontSize: 15 }}>{known ? `${done.text}${THIN}/${THIN}${all.text}` : fit(`✕ ${whyOf(n === null ? done : all, pen.t)}`, w / 2, 12)}</text>
			<rect x={x + 8} y={y + 29} width={w - 16} height={8} rx={2} className="pic-bar" />
			{known && m > 0 && <rect x={x + 8} y={y + 29} width={(w - 16) * Math.min(1, Math.max(0, n / m))} height={8} rx={2} className="pic-bar-value run" />}
		</a>
	);
}

/** A register in a display's digits, as on the meter's face. */
export function Display({ x, y, w, h, point, pen }: Of<'display'>) {
	const r = pen.read(point);
	if (!r) return null;
	const bad = isHatched(r);
	const size = Math.min(h * 0.46, 30);
	return (
		<a {...pen.link(r.point.id)} className={`pic-display ${bad ? 'dim' : r.over}`} aria-label={`${nameOf(r)}: ${spoken(r, pen)}`}>
			<title>{`${nameOf(r)} ${r.point.code}`}</title>
			<rect x={x} y={y} width={w} height={h} rx={3} className="pic-tag-box" />
			{bad && <rect x={x} y={y} width={w} height={h} rx={3} fill={`url(#${pen.hatch})`} />}
			<text x={x + 10} y={y + 15} className="pic-tag-name">{fit(nameOf(r), w - 20, 11)}</text>
			<text x={x + w - 10} y={y + h - 10} className={bad ? 'pic-tag-word' : 'pic-digits'} style={{ fontSize: bad ? 13 : sizeFor(r.text, w - 16, size) }}>{bad ? wordFor(r, pen.t, w - 16, 13) : r.text}</text>
		</a>
	);
}
