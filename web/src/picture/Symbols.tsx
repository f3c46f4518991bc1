/* The symbols of pictures. Grey is normal; colour says running, a limit, a fault (ISA-101). What is bad is crossed out, not guessed. */
import { memo } from 'react';
import { useLive } from '../api/live';
import type { Point } from '../api/contract';
import { useText } from '../app/lang';
import { formatValue, withUnit } from '../lib/format';
import { qualityId, severity } from '../lib/quality';
import { beyond, shareOf } from './range';
import type { Part } from './template';

export type Points = Map<string, Point>;
type Of<K extends Part['kind']> = Extract<Part, { kind: K }> & { points: Points };

/** The live number of a code: null while it is not known or bad. */
function useNumber(points: Points, code: string | undefined): number | null {
	const value = useLive((code && points.get(code)?.id) || '');
	if (!value || severity(value.q) === 'bad' || value.v === null) return null;
	if (typeof value.v === 'boolean') return value.v ? 1 : 0;
	return Number.isFinite(Number(value.v)) ? Number(value.v) : null;
}

const Pipe = memo(function Pipe({ d, flow, points }: Of<'pipe'>) {
	const q = useNumber(points, flow);
	return (
		<g fill="none" strokeLinejoin="round">
			<path d={d} className="pic-pipe-wall" />
			<path d={d} className="pic-pipe" />
			{q !== null && Math.abs(q) > 0.5 && <path d={d} className="pic-flow" />}
		</g>
	);
});

const Level = memo(function Level({ point, x, y, w, h, min, max, open, low, high, start, stop, points }: Of<'level'>) {
	const value = useNumber(points, point);
	const isLow = useNumber(points, low);
	const isHigh = useNumber(points, high);
	const from = useNumber(points, start);
	const to = useNumber(points, stop);
	const share = value === null ? 0 : shareOf(value, { min, max });
	const top = y + h * (1 - share);
	const at = (v: number): number => y + h * (1 - shareOf(v, { min, max }));
	return (
		<g>
			<rect x={x} y={y} width={w} height={h} className="pic-vessel-inside" />
			{value !== null && <rect x={x} y={top} width={w} height={y + h - top} className={isLow || isHigh ? 'pic-water pic-water-warn' : 'pic-water'} />}
			{value !== null && <path d={`M ${x} ${top} h ${w}`} className="pic-surface" />}
			{value === null && <path d={`M ${x + 8} ${y + 8} L ${x + w - 8} ${y + h - 8} M ${x + w - 8} ${y + 8} L ${x + 8} ${y + h - 8}`} className="pic-unknown" />}
			{[0.25, 0.5, 0.75].map((s) => <path key={s} d={`M ${x + w - 10} ${y + h * s} h 10`} className="pic-tick" />)}
			{([[from, 'L'], [to, 'H']] as const).map(([v, name]) => v !== null && (
				<g key={name}><path d={`M ${x} ${at(v)} h 16`} className="pic-set" /><text x={x + 20} y={at(v) + 4} className="pic-small">{name}</text></g>
			))}
			<path d={open ? `M ${x} ${y - 8} V ${y + h} H ${x + w} V ${y - 8}` : `M ${x} ${y} V ${y + h} H ${x + w} V ${y} Z`} className="pic-vessel" />
		</g>
	);
});

const Pump = memo(function Pump({ x, y, r, run, trip, points }: Of<'pump'>) {
	const on = useNumber(points, run);
	const tripped = useNumber(points, trip);
	const cls = tripped ? 'pic-bad' : on === null ? 'pic-dark' : on ? 'pic-on' : 'pic-off';
	return (
		<g className={cls}>
			<path d={`M ${x - r * 0.75} ${y + r + 14} L ${x} ${y + 6} L ${x + r * 0.75} ${y + r + 14} Z`} className="pic-foot" />
			<circle cx={x} cy={y} r={r} className="pic-body" />
			<path d={`M ${x - r * 0.5} ${y - r * 0.866} L ${x + r} ${y} L ${x - r * 0.5} ${y + r * 0.866}`} className="pic-mark" />
			{on === null && <path d={`M ${x - r} ${y - r} l ${2 * r} ${2 * r}`} className="pic-unknown" />}
		</g>
	);
});

const Motor = memo(function Motor({ x, y, run, stem, points }: Of<'motor'>) {
	const on = useNumber(points, run);
	return (
		<g className={on === null ? 'pic-dark' : on ? 'pic-on' : 'pic-off'}>
			<path d={`M ${x} ${y + 20} V ${stem}`} className="pic-shaft" />
			<circle cx={x} cy={y} r={21} className="pic-body" />
			<text x={x} y={y + 6} className="pic-letter">M</text>
		</g>
	);
});

/** The bow tie of a valve, filled as far as it is open. */
const Valve = memo(function Valve({ x, y, point, points }: Of<'valve'>) {
	const open = useNumber(points, point);
	return (
		<g className={open === null ? 'pic-dark' : open > 1 ? 'pic-on' : 'pic-off'}>
			<path d={`M ${x - 24} ${y - 15} V ${y + 15} L ${x + 24} ${y - 15} V ${y + 15} Z`} className="pic-body" />
			<path d={`M ${x} ${y} V ${y - 26}`} className="pic-shaft" />
			<path d={`M ${x - 14} ${y - 26} a 14 14 0 0 1 28 0 Z`} className="pic-body" />
		</g>
	);
});

const Gauge = memo(function Gauge({ x, y, r, point, min, max, stem, points }: Of<'gauge'>) {
	const p = points.get(point);
	const value = useNumber(points, point);
	const angle = (share: number): number => ((-225 + 270 * share) * Math.PI) / 180;
	const at = (share: number, k: number): string => `${x + r * k * Math.cos(angle(share))} ${y + r * k * Math.sin(angle(share))}`;
	const share = value === null ? null : shareOf(value, { min, max });
	const cls = value !== null && p ? beyond(value, p) : '';
	return (
		<g>
			{stem !== undefined && <path d={`M ${x} ${y + r} V ${stem - 7}`} className="pic-shaft" />}
			<circle cx={x} cy={y} r={r} className="pic-dial" />
			<path d={`M ${at(0, 0.8)} A ${r * 0.8} ${r * 0.8} 0 1 1 ${at(1, 0.8)}`} className="pic-scale" />
			{[0, 0.25, 0.5, 0.75, 1].map((s) => <path key={s} d={`M ${at(s, 0.68)} L ${at(s, 0.8)}`} className="pic-tick" />)}
			{share !== null && <path d={`M ${x} ${y} L ${at(share, 0.66)}`} className={`pic-needle ${cls}`} />}
			<circle cx={x} cy={y} r={3} className="pic-hub" />
			<text x={x} y={y + r * 0.62} className="pic-dial-text">{value === null || !p ? '✕' : formatValue(value, { decimals: value >= 100 ? 0 : 1 })}</text>
			{p?.unit && <text x={x} y={y + r * 0.9} className="pic-dial-unit">{p.unit}</text>}
		</g>
	);
});

const TAG_W = 132;
/** Code, value and unit; a press leads to the trend. */
const Tag = memo(function Tag({ x, y, point, points, onOpen }: Of<'tag'> & { onOpen: (id: string) => void }) {
	const { t } = useText();
	const p = points.get(point);
	const live = useLive(p?.id ?? '');
	if (!p) return null;
	const q = live ? severity(live.q) : 'bad';
	const value = live && live.v !== null && q !== 'bad' ? live.v : null;
	const over = typeof value === 'number' ? beyond(value, p) : '';
	const shown = value === null ? '✕' : withUnit(formatValue(value, { decimals: p.decimals ?? undefined, type: p.type, states: p.state_texts ?? undefined }), p.unit);
	const reason = live && q !== 'good' ? t(`quality.${qualityId(live.q)}`) : '';
	return (
		<g
			className={`pic-tag ${q === 'bad' ? 'bad' : q === 'uncertain' ? 'warn' : over}`} role="link" tabIndex={0} aria-label={`${p.name || p.code}: ${reason || shown}`}
			onClick={() => onOpen(p.id)} onKeyDown={(e) => { if (e.key === 'Enter') onOpen(p.id); }}
		>
			<title>{`${p.name || ''} ${p.code}${reason ? `: ${reason}` : ''}`}</title>
			<rect x={x} y={y} width={TAG_W} height={36} rx={3} />
			<text x={x + 8} y={y + 13} className="pic-tag-name">{p.name || p.code}</text>
			<text x={x + TAG_W - 8} y={y + 30} className="pic-tag-value">{shown}</text>
		</g>
	);
});

const Lamp = memo(function Lamp({ x, y, point, text, text_zh, on, points }: Of<'lamp'>) {
	const { lang } = useText();
	const value = useNumber(points, point);
	if (!points.has(point)) return null;
	return (
		<g className={`pic-lamp ${value === null ? 'unknown' : value ? on : 'dark'}`}>
			<rect x={x} y={y} width={120} height={28} rx={14} />
			<circle cx={x + 16} cy={y + 14} r={6} />
			<text x={x + 30} y={y + 19}>{lang === 'zh' ? text_zh : text}{value === null ? ' ✕' : ''}</text>
		</g>
	);
});

export function Symbol({ part, points, onOpen }: { part: Part; points: Points; onOpen: (id: string) => void }) {
	const { lang } = useText();
	switch (part.kind) {
		case 'ground': return <path d={`M 0 ${part.y} H 4000`} className="pic-ground" />;
		case 'legs': return <path d={`M ${part.x} ${part.y} V ${part.to} M ${part.x + part.w} ${part.y} V ${part.to} M ${part.x} ${part.y + 70} L ${part.x + part.w} ${part.to} M ${part.x + part.w} ${part.y + 70} L ${part.x} ${part.to}`} className="pic-legs" />;
		case 'pipe': return <Pipe {...part} points={points} />;
		case 'level': return <Level {...part} points={points} />;
		case 'pump': return <Pump {...part} points={points} />;
		case 'motor': return <Motor {...part} points={points} />;
		case 'valve': return <Valve {...part} points={points} />;
		case 'gauge': return <Gauge {...part} points={points} />;
		case 'tag': return <Tag {...part} points={points} onOpen={onOpen} />;
		case 'lamp': return <Lamp {...part} points={points} />;
		case 'check': return <path d={`M ${part.x - 14} ${part.y - 14} V ${part.y + 14} L ${part.x + 14} ${part.y} Z M ${part.x + 14} ${part.y - 14} V ${part.y + 14}`} className="pic-check" />;
		case 'meter': return <g><circle cx={part.x} cy={part.y} r={part.r} className="pic-dial" /><text x={part.x} y={part.y + 5} className="pic-dial-text">{part.letters}</text></g>;
		case 'caption': return <text x={part.x} y={part.y} textAnchor={part.align ?? 'middle'} className="pic-caption">{lang === 'zh' ? part.text_zh : part.text}</text>;
	}
}
