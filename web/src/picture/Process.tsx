/* The symbols of process plant: pipes, vessels, pumps, valves, gauges. Grey is normal; colour says running, a limit, a fault (ISA-101). */
import { formatValue } from '../lib/format';
import { drawable, isDark, isOn, type Of } from './draw';
import { shareOf } from './range';

export function Pipe({ d, flow, pen }: Of<'pipe'>) {
	const q = drawable(pen.read(flow));
	return (
		<g fill="none" strokeLinejoin="round">
			<path d={d} className="pic-pipe-wall" />
			<path d={d} className="pic-pipe" />
			{q !== null && Math.abs(q) > 0.5 && <path d={d} className="pic-flow" />}
		</g>
	);
}

export function Level({ point, x, y, w, h, min, max, open, low, high, start, stop, pen }: Of<'level'>) {
	const r = pen.read(point);
	const value = drawable(r);
	const from = drawable(pen.read(start));
	const to = drawable(pen.read(stop));
	const share = value === null ? 0 : shareOf(value, { min, max });
	const top = y + h * (1 - share);
	const at = (v: number): number => y + h * (1 - shareOf(v, { min, max }));
	const warns = isOn(pen.read(low)) || isOn(pen.read(high)) || Boolean(r?.over);
	return (
		<g>
			<rect x={x} y={y} width={w} height={h} className="pic-vessel-inside" />
			{value !== null && <rect x={x} y={top} width={w} height={y + h - top} className={warns ? 'pic-water pic-water-warn' : 'pic-water'} />}
			{value !== null && <path d={`M ${x} ${top} h ${w}`} className="pic-surface" />}
			{value === null && <rect x={x} y={y} width={w} height={h} fill={`url(#${pen.hatch})`} />}
			{[0.25, 0.5, 0.75].map((s) => <path key={s} d={`M ${x + w - 10} ${y + h * s} h 10`} className="pic-tick" />)}
			{([[from, 'L'], [to, 'H']] as const).map(([v, name]) => v !== null && (
				<g key={name}><path d={`M ${x} ${at(v)} h 16`} className="pic-set" /><text x={x + 20} y={at(v) + 4} className="pic-small">{name}</text></g>
			))}
			<path d={open ? `M ${x} ${y - 8} V ${y + h} H ${x + w} V ${y - 8}` : `M ${x} ${y} V ${y + h} H ${x + w} V ${y} Z`} className="pic-vessel" />
		</g>
	);
}

export function Pump({ x, y, r, run, trip, pen }: Of<'pump'>) {
	const on = pen.read(run);
	const cls = isOn(pen.read(trip)) ? 'pic-bad' : drawable(on) === null ? 'pic-dark' : isOn(on) ? 'pic-on' : 'pic-off';
	return (
		<g className={cls}>
			<path d={`M ${x - r * 0.75} ${y + r + 14} L ${x} ${y + 6} L ${x + r * 0.75} ${y + r + 14} Z`} className="pic-foot" />
			<circle cx={x} cy={y} r={r} className="pic-body" />
			<path d={`M ${x - r * 0.5} ${y - r * 0.866} L ${x + r} ${y} L ${x - r * 0.5} ${y + r * 0.866}`} className="pic-mark" />
			{isDark(on) && <circle cx={x} cy={y} r={r} fill={`url(#${pen.hatch})`} />}
		</g>
	);
}

export function Motor({ x, y, run, stem, pen }: Of<'motor'>) {
	const on = pen.read(run);
	return (
		<g className={drawable(on) === null ? 'pic-dark' : isOn(on) ? 'pic-on' : 'pic-off'}>
			<path d={`M ${x} ${y + 20} V ${stem}`} className="pic-shaft" />
			<circle cx={x} cy={y} r={21} className="pic-body" />
			{isDark(on) && <circle cx={x} cy={y} r={21} fill={`url(#${pen.hatch})`} />}
			<text x={x} y={y + 6} className="pic-letter">M</text>
		</g>
	);
}

/** The bow tie of a valve, filled as far as it is open. */
export function Valve({ x, y, point, pen }: Of<'valve'>) {
	const open = drawable(pen.read(point));
	return (
		<g className={open === null ? 'pic-dark' : open > 1 ? 'pic-on' : 'pic-off'}>
			<path d={`M ${x - 24} ${y - 15} V ${y + 15} L ${x + 24} ${y - 15} V ${y + 15} Z`} className="pic-body" />
			<path d={`M ${x} ${y} V ${y - 26}`} className="pic-shaft" />
			<path d={`M ${x - 14} ${y - 26} a 14 14 0 0 1 28 0 Z`} className="pic-body" />
		</g>
	);
}

export function Gauge({ x, y, r, point, min, max, stem, pen }: Of<'gauge'>) {
	const reading = pen.read(point);
	const value = drawable(reading);
	const angle = (share: number): number => ((-225 + 270 * share) * Math.PI) / 180;
	const at = (share: number, k: number): string => `${x + r * k * Math.cos(angle(share))} ${y + r * k * Math.sin(angle(share))}`;
	const share = value === null ? null : shareOf(value, { min, max });
	return (
		<g>
			{stem !== undefined && <path d={`M ${x} ${y + r} V ${stem - 7}`} className="pic-shaft" />}
			<circle cx={x} cy={y} r={r} className="pic-dial" />
			{isDark(reading) && <circle cx={x} cy={y} r={r} fill={`url(#${pen.hatch})`} />}
			<path d={`M ${at(0, 0.8)} A ${r * 0.8} ${r * 0.8} 0 1 1 ${at(1, 0.8)}`} className="pic-scale" />
			{[0, 0.25, 0.5, 0.75, 1].map((s) => <path key={s} d={`M ${at(s, 0.68)} L ${at(s, 0.8)}`} className="pic-tick" />)}
			{share !== null && <path d={`M ${x} ${y} L ${at(share, 0.66)}`} className={`pic-needle ${reading!.over}`} />}
			<circle cx={x} cy={y} r={3} className="pic-hub" />
			<text x={x} y={y + r * 0.62} className="pic-dial-text">{value === null ? '✕' : formatValue(value, { decimals: value >= 100 ? 0 : 1 })}</text>
			{reading?.point.unit && <text x={x} y={y + r * 0.9} className="pic-dial-unit">{reading.point.unit}</text>}
		</g>
	);
}

export function Fan({ x, y, r, run, pen }: Of<'fan'>) {
	const on = pen.read(run);
	if (!on) return null;
	const blade = `M 0 0 C ${r * 0.5} ${-r * 0.15} ${r * 0.6} ${-r * 0.7} 0 ${-r * 0.82} C ${-r * 0.25} ${-r * 0.5} ${-r * 0.15} ${-r * 0.2} 0 0 Z`;
	return (
		<g className={drawable(on) === null ? 'pic-dark' : isOn(on) ? 'pic-on' : 'pic-off'} transform={`translate(${x} ${y})`}>
			<circle r={r} className="pic-dial" />
			<g className={isOn(on) ? 'pic-turn' : ''}>{[0, 120, 240].map((a) => <path key={a} d={blade} transform={`rotate(${a})`} className="pic-body" />)}</g>
			{isDark(on) && <circle r={r} fill={`url(#${pen.hatch})`} />}
		</g>
	);
}
