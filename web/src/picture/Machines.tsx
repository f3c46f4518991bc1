/* The symbols of machines: ovens, machine tools, electricity. Drawings only; what they show stands beside them as values one can read and press. */
import { drawable, isDark, isOn, type Of } from './draw';
import { StateShape } from './Values';
import { shareOf, ticksOf } from './range';

export function Frame({ x, y, w, h, look }: Of<'frame'>) {
	return <rect x={x} y={y} width={w} height={h} rx={look === 'steel' ? 8 : 4} className={look === 'steel' ? 'pic-housing' : 'pic-panel'} />;
}

/** A thermometer: what is, the mark of what should be, limits as ticks. */
export function Column({ x, y, w, h, min, max, point, set, pen }: Of<'column'>) {
	const r = pen.read(point);
	const is = drawable(r);
	const should = drawable(pen.read(set));
	const range = { min, max };
	const at = (v: number): number => y + h * (1 - shareOf(v, range));
	return (
		<g>
			<rect x={x} y={y} width={w} height={h} rx={3} className="pic-bar" />
			{is !== null && <rect x={x} y={at(is)} width={w} height={y + h - at(is)} rx={2} className={`pic-bar-value ${r!.over}`} />}
			{isDark(r) && <rect x={x} y={y} width={w} height={h} fill={`url(#${pen.hatch})`} />}
			{r && ticksOf(r.point, range).map((k) => <path key={k.name} d={`M ${x - 3} ${y + h * (1 - k.at)} h ${w + 6}`} className={`pic-limit ${k.cls}`} />)}
			{should !== null && <path d={`M ${x + w + 1} ${at(should)} l 8 -5 v 10 Z M ${x} ${at(should)} h ${w}`} className="pic-setmark" />}
		</g>
	);
}

/** A heating element; how much of it is drawn warm is the controller's output. */
export function Heater({ x, y, w, h, point, pen }: Of<'heater'>) {
	const r = pen.read(point);
	const out = drawable(r);
	const n = Math.max(4, Math.round(w / 14));
	const step = w / n;
	const coil = `M ${x} ${y + h / 2} ${Array.from({ length: n }, (_, i) => `L ${x + step * (i + 0.5)} ${i % 2 ? y + h : y}`).join(' ')} L ${x + w} ${y + h / 2}`;
	return (
		<g fill="none">
			<path d={coil} className="pic-coil" />
			{out !== null && out > 0.5 && <path d={coil} pathLength={100} strokeDasharray={`${Math.min(100, out)} 100`} className="pic-coil-on" />}
			{isDark(r) && <rect x={x} y={y} width={w} height={h} fill={`url(#${pen.hatch})`} />}
		</g>
	);
}

/** A door that is lifted. */
export function Door({ x, y, w, h, point, pen }: Of<'door'>) {
	const r = pen.read(point);
	const open = isOn(r);
	return (
		<g>
			<path d={`M ${x - 3} ${y - h * 0.8} V ${y + h} M ${x + w + 3} ${y - h * 0.8} V ${y + h}`} className="pic-rail" />
			{drawable(r) === null ? <rect x={x} y={y} width={w} height={h} fill={`url(#${pen.hatch})`} className="pic-door-dark" />
				: <rect x={x} y={open ? y - h * 0.8 : y} width={w} height={h} className={open ? 'pic-door open' : 'pic-door'} />}
		</g>
	);
}

/** A conveyor with parts on it; they move while it does. */
export function Belt({ x, y, w, point, pen }: Of<'belt'>) {
	const r = pen.read(point);
	const speed = drawable(r);
	const moves = speed !== null && Math.abs(speed) > 0.01;
	return (
		<g className={speed === null ? 'pic-dark' : ''}>
			<svg x={x} y={y - 18} width={w} height={18}>
				<g className={moves ? 'pic-carry' : ''}>{Array.from({ length: Math.ceil(w / 64) + 1 }, (_, i) => <rect key={i} x={14 + (i - 1) * 64} y={1} width={26} height={16} rx={2} className="pic-part" />)}</g>
			</svg>
			<rect x={x} y={y} width={w} height={6} rx={3} className="pic-belt" />
			{moves && <path d={`M ${x + 4} ${y + 3} h ${w - 8}`} className="pic-flow" />}
			{isDark(r) && <rect x={x} y={y - 18} width={w} height={26} fill={`url(#${pen.hatch})`} />}
			{Array.from({ length: Math.floor(w / 32) }, (_, i) => <circle key={i} cx={x + 16 + i * 32} cy={y + 12} r={5} className="pic-roller" />)}
		</g>
	);
}

/** Head, chuck and tool; the stripes run while it turns. */
export function Spindle({ x, y, point, load, pen }: Of<'spindle'>) {
	const r = pen.read(point);
	const turns = (drawable(r) ?? 0) > 1;
	const over = pen.read(load)?.over ?? '';
	return (
		<g className={drawable(r) === null ? 'pic-dark' : turns ? 'pic-on' : 'pic-off'}>
			<rect x={x - 40} y={y} width={80} height={76} rx={4} className={`pic-head ${over}`} />
			<path d={`M ${x - 22} ${y + 76} h 44 l -8 22 h -28 Z`} className="pic-body" />
			<rect x={x - 6} y={y + 98} width={12} height={44} className="pic-body" />
			<path d={`M ${x} ${y + 80} V ${y + 142}`} className={turns ? 'pic-spin' : 'pic-tool'} />
			{isDark(r) && <rect x={x - 40} y={y} width={80} height={142} fill={`url(#${pen.hatch})`} />}
		</g>
	);
}

export function Worktable({ x, y, w, feed, pen }: Of<'worktable'>) {
	const moves = Math.abs(drawable(pen.read(feed)) ?? 0) > 1;
	return (
		<g>
			<rect x={x - w / 2 - 30} y={y + 44} width={w + 60} height={10} className="pic-steel" />
			<g className={moves ? 'pic-feed' : ''}>
				<rect x={x - w / 2} y={y + 30} width={w} height={14} rx={2} className="pic-steel" />
				<rect x={x - w / 4} y={y} width={w / 2} height={30} rx={2} className="pic-part" />
			</g>
		</g>
	);
}

export function Coolant({ x, y, h, flow, pen }: Of<'coolant'>) {
	const runs = (drawable(pen.read(flow)) ?? 0) > 0.5;
	return runs ? <g fill="none">{[-1, 1].map((s) => <path key={s} d={`M ${x + s * 30} ${y} Q ${x + s * 24} ${y + h * 0.6} ${x + s * 6} ${y + h}`} className="pic-flow" />)}</g> : null;
}

/** The lamps on top of a machine: alarm, waiting, running. The word stands elsewhere. */
export function Beacon({ x, y, pen }: Of<'beacon'>) {
	const as = pen.state.as;
	const lit = as === 'alarm' ? 0 : as === 'warn' || as === 'setup' || as === 'idle' || as === 'stop' ? 1 : as === 'run' ? 2 : -1;
	return (
		<g>
			<path d={`M ${x} ${y + 66} V ${y + 84}`} className="pic-shaft" />
			{(['alarm', 'warn', 'run'] as const).map((k, i) => (
				<g key={k} className={`pic-beacon ${lit === i ? (k === 'warn' && as !== 'warn' ? 'idle' : k) : ''}`}>
					<rect x={x - 13} y={y + i * 22} width={26} height={21} rx={i === 0 ? 5 : 2} />
					{lit === i && <g transform={`translate(${x} ${y + i * 22 + 10.5}) scale(.8)`}><StateShape as={as} /></g>}
				</g>
			))}
		</g>
	);
}

/** Active, reactive and apparent power to one scale. */
export function Triangle({ x, y, w, h, p, q, pen }: Of<'triangle'>) {
	const [rp, rq] = [pen.read(p), pen.read(q)];
	const [real, react] = [drawable(rp), drawable(rq)];
	if (!rp || !rq) return null;
	if (real === null || react === null) return <rect x={x} y={y} width={w} height={h} fill={`url(#${pen.hatch})`} />;
	const most = Math.max(Math.abs(real) / (w - 70), Math.abs(react) / (h - 30), 1e-9);
	const [dx, dy] = [Math.max(0, real) / most, Math.abs(react) / most];
	const [x0, y0] = [x + 14, y + h - 18];
	const phi = (Math.atan2(Math.abs(react), real) * 180) / Math.PI;
	return (
		<g>
			<path d={`M ${x0} ${y0} h ${w - 28} M ${x0} ${y0} V ${y + 4}`} className="pic-axis" />
			<path d={`M ${x0} ${y0} h ${dx} v ${-dy} Z`} className="pic-triangle" />
			<text x={x0 + dx / 2} y={y0 + 14} className="pic-small pic-middle">P</text>
			<text x={x0 + dx + 8} y={y0 - dy / 2 + 4} className="pic-small">Q</text>
			<text x={x0 + dx / 2 - 10} y={y0 - dy / 2 - 6} className="pic-small">S</text>
			<text x={x + w - 12} y={y + 14} className="pic-small pic-end">{`φ = ${phi.toFixed(0)}°`}</text>
		</g>
	);
}

/** A conductor with its name. */
export function Phase({ x, y, letters, to }: Of<'phase'>) {
	return (
		<g>
			<path d={`M ${x} ${y} H ${to}`} className="pic-wire" />
			<circle cx={x} cy={y} r={15} className="pic-dial" />
			<text x={x} y={y + 5} className="pic-dial-text">{letters}</text>
		</g>
	);
}
