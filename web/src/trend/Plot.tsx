/*
 * The plot: uPlot with as many axes as are wanted, bands of lowest and highest, lanes of states, two marks to measure with.
 * It holds no data of its own: lines and window come in, wishes for another window or mark go out.
 */
import { useEffect, useRef, useState } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { cssColor, useDark } from '../app/appearance';
import { useSize } from '../app/hooks';
import { useText } from '../app/lang';
import { formatDateTime, formatNumber } from '../lib/format';
import type { AxisPlan } from './axes';
import { align, type Line } from './data';
import { drawLanes, drawLimits, drawSpans, LANE } from './draw';
import { attach } from './gestures';
import { keyed, type Window } from './window';

export interface PlotPoint {
	id: string;
	name: string;
	unit?: string;
	color: string;
	/** Held until the next sample, as it is for states and slow values. */
	step: boolean;
	/** Drawn as a lane of bands, not as a line. */
	isState: boolean;
	stateText?: (value: number) => string;
	/** An earlier period beside the present one. */
	faint?: boolean;
	/** HH, H, L, LL with their values. */
	limits?: [string, number][];
}
export type Marks = [number | null, number | null];
interface Props {
	points: PlotPoint[];
	axes: AxisPlan[];
	lines: Map<string, Line>;
	/** Changes when lines were changed in place. */
	version: number;
	window: Window;
	onWindow: (w: Window) => void;
	marks: Marks;
	onMarks: (m: Marks) => void;
	/** s, or null when the pointer has left. */
	onCursor: (x: number | null) => void;
	/** The canvas, for pictures; called when there is another. */
	onCanvas?: (c: HTMLCanvasElement | null) => void;
	label: string;
}

const two = (n: number): string => String(n).padStart(2, '0');
/** Axis captions without words, so that they are the same in every language: the date where the day begins. */
function timeTicks(_: uPlot, splits: number[], __: number, ___: number, incr: number): string[] {
	let day = '';
	return splits.map((s, i) => {
		const d = new Date(s * 1000);
		const date = `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
		const isNew = date !== day;
		day = date;
		if (incr >= 86400) return incr >= 28 * 86400 ? date.slice(0, 7) : i === 0 || date.endsWith('-01') ? date : date.slice(5);
		const time = `${two(d.getHours())}:${two(d.getMinutes())}${incr < 60 ? `:${two(d.getSeconds())}` : ''}${incr < 1 ? `.${String(d.getMilliseconds()).padStart(3, '0')}` : ''}`;
		return isNew ? `${time}\n${date}` : time;
	});
}

function yRange(_: uPlot, min: number | null, max: number | null): [number, number] {
	if (min === null || max === null) return [0, 1];
	const pad = min === max ? Math.abs(min) * 0.1 || 1 : (max - min) * 0.08;
	return [min - pad, max + pad];
}
function axisSize(_: uPlot, values: string[] | null): number {
	const longest = (values ?? []).reduce((n, v) => Math.max(n, v?.length ?? 0), 0);
	return Math.max(38, longest * 8 + 18);
}
function fewPoints(u: uPlot, i: number, i0: number, i1: number): boolean {
	return i1 - i0 < u.bbox.width / (devicePixelRatio || 1) / 12 && (u.data[i]?.length ?? 0) < 400;
}

const EMPTY: Line = { point: '', x: [], y: [], spans: [], grain: 0, gap: Infinity };
const faded = (color: string, share: number): string => `${color}${Math.round(share * 255).toString(16).padStart(2, '0')}`;

interface Now {
	lines: Map<string, Line>;
	w: Window;
	marks: Marks;
	onWindow: (w: Window) => void;
	onCursor: (x: number | null) => void;
	onMarks: (m: Marks) => void;
}

function optionsOf(points: PlotPoint[], axes: AxisPlan[], size: { width: number; height: number }, isDark: boolean, now: React.RefObject<Now>, onBox: (u: uPlot) => void): uPlot.Options {
	const drawn = points.filter((p) => !p.isState);
	const states = points.filter((p) => p.isState);
	const grid = cssColor('--line-soft');
	const ink = cssColor('--ink-2');
	const lanes = states.length * LANE + (states.length ? 6 : 0);
	return {
		width: size.width, height: size.height, legend: { show: false }, padding: [12, axes.length > 1 ? 4 : 16, 0, 4],
		cursor: { x: false, y: false, drag: { x: false, y: false, setScale: false }, points: { size: 7 } },
		scales: {
			x: { time: true, range: () => [now.current.w.from, now.current.w.to] },
			...Object.fromEntries((axes.length ? axes : [{ key: 'y0', range: undefined }]).map((a) => [a.key, { range: a.range ?? yRange }])),
		},
		axes: [
			...(lanes ? [{ scale: 'x', side: 2 as const, size: lanes, splits: () => [], grid: { show: false }, ticks: { show: false } }] : []),
			{ scale: 'x', side: 2 as const, stroke: ink, grid: { show: true, stroke: grid, width: 1 }, ticks: { stroke: grid, size: lanes ? 3 : 6 }, values: timeTicks, space: 90, size: 44, font: '12px sans-serif' },
			...axes.map((a, i): uPlot.Axis => ({
				scale: a.key, side: a.side, label: a.name === a.unit ? a.unit || undefined : `${a.name}${a.unit ? ` (${a.unit})` : ''}`, labelSize: 20, labelFont: 'bold 12px sans-serif', font: '12px sans-serif',
				stroke: axes.length > 1 && a.points.length === 1 ? drawn.find((p) => p.id === a.points[0])?.color ?? ink : ink,
				grid: { show: i === 0, stroke: grid, width: 1 }, ticks: { stroke: grid }, size: axisSize,
				values: (_u, v) => v.map((x) => (x === null ? '' : formatNumber(Number(x.toPrecision(6))))),
			})),
		],
		series: [{}, ...drawn.flatMap((p): uPlot.Series[] => {
			const scale = axes.find((a) => a.points.includes(p.id))?.key ?? 'y0';
			const paths = p.step ? uPlot.paths.stepped!({ align: 1 }) : uPlot.paths.linear!();
			const edge: uPlot.Series = { scale, stroke: faded(p.color, 0.3), width: 0.5, paths: uPlot.paths.linear!(), points: { show: false }, spanGaps: false };
			return [
				{ label: p.name, scale, stroke: p.faint ? faded(p.color, 0.75) : p.color, width: p.faint ? 1 : 1.5, dash: p.faint ? [5, 4] : undefined, spanGaps: false, paths, points: { show: p.faint ? false : fewPoints, size: 4 } },
				edge, { ...edge },
			];
		})],
		bands: drawn.map((p, i) => ({ series: [2 + 3 * i, 3 + 3 * i] as [number, number], fill: faded(p.color, p.faint ? 0.08 : 0.2) })),
		hooks: {
			drawClear: [(u) => drawSpans(u, drawn, now.current.lines)],
			draw: [(u) => {
				const alone = drawn.filter((p) => !p.faint);
				if (alone.length === 1) drawLimits(u, alone[0]!, axes.find((a) => a.points.includes(alone[0]!.id))?.key ?? 'y0');
				drawLanes(u, states, now.current.lines, isDark);
				onBox(u);
			}],
		},
	};
}

export function Plot({ points, axes, lines, version, window: w, onWindow, marks, onMarks, onCursor, onCanvas, label }: Props) {
	const [box, size] = useSize<HTMLDivElement>();
	const canvas = useRef<HTMLDivElement>(null);
	const isDark = useDark();
	const hasSize = size.width > 0 && size.height > 0;
	const plot = useRef<uPlot | null>(null);
	const [area, setArea] = useState({ left: 0, width: 0, top: 0, height: 0 });
	const areaNow = useRef(area);
	areaNow.current = area;
	const [hover, setHover] = useState<number | null>(null);
	const now = useRef<Now>({ lines, w, marks, onWindow, onCursor, onMarks });
	now.current = { lines, w, marks, onWindow, onCursor, onMarks };
	const drawn = points.filter((p) => !p.isState);
	const nStates = points.length - drawn.length;
	const shape = JSON.stringify([points.map((p) => [p.id, p.name, p.color, p.step, p.isState, p.limits]), axes, isDark]);
	const dataOf = (): uPlot.AlignedData => align(drawn.length ? drawn.map((p) => now.current.lines.get(p.id) ?? EMPTY) : [EMPTY]).slice(0, 1 + 3 * drawn.length) as uPlot.AlignedData;

	useEffect(() => {
		const host = canvas.current;
		if (!host || !size.width || !size.height) return;
		const onBox = (u: uPlot): void => {
			const r = devicePixelRatio || 1;
			const next = { left: u.bbox.left / r, width: u.bbox.width / r, top: u.bbox.top / r, height: u.bbox.height / r + nStates * LANE };
			setArea((a) => (Object.entries(next).some(([k, v]) => Math.abs(a[k as keyof typeof a] - v) > 0.5) ? next : a));
		};
		const u = new uPlot(optionsOf(points, axes, size, isDark, now, onBox), dataOf(), host);
		plot.current = u;
		onCanvas?.(u.ctx.canvas);
		return () => {
			onCanvas?.(null);
			u.destroy();
			plot.current = null;
		};
		// the size at birth; later sizes go to setSize below
		// eslint-disable-next-line react-hooks/exhaustive-deps
	}, [shape, hasSize]);
	useEffect(() => {
		if (size.width && size.height) plot.current?.setSize({ width: size.width, height: size.height });
	}, [size.width, size.height]);
	useEffect(() => {
		plot.current?.setData(dataOf(), true);
		// eslint-disable-next-line react-hooks/exhaustive-deps
	}, [lines, version, shape]);
	useEffect(() => {
		plot.current?.setScale('x', { min: w.from, max: w.to });
	}, [w.from, w.to]);
	useEffect(() => box.current ? attach(box.current, {
		window: () => now.current.w, area: () => areaNow.current,
		onWindow: (x) => now.current.onWindow(x),
		onHover: (x) => {
			const { from, to } = now.current.w;
			const at = x !== null && x >= from && x <= to ? x : null;
			setHover(at);
			now.current.onCursor(at);
		},
		/* The first click sets A, the second B, later ones move the nearer. */
		onClick: (x) => {
			const [a, b] = now.current.marks;
			if (a === null) now.current.onMarks([x, b]);
			else if (b === null || Math.abs(x - b) < Math.abs(x - a)) now.current.onMarks([a, x]);
			else now.current.onMarks([x, b]);
		},
	}) : undefined, [box]);

	const onKey = (e: React.KeyboardEvent): void => {
		if (e.ctrlKey || e.metaKey || e.altKey) return;
		const next = keyed(e.key, w);
		const middle = hover ?? (w.from + w.to) / 2;
		if (next) onWindow(next);
		else if (e.key === 'a') onMarks([middle, marks[1]]);
		else if (e.key === 'b') onMarks([marks[0], middle]);
		else if (e.key === 'Escape' && (marks[0] !== null || marks[1] !== null)) onMarks([null, null]);
		else return;
		e.preventDefault();
	};
	const leftOf = (x: number): number => area.left + ((x - w.from) / (w.to - w.from)) * area.width;
	return (
		<div ref={box} className="trend-plot" tabIndex={0} role="application" aria-label={label} onKeyDown={onKey}>
			<div ref={canvas} className="trend-canvas" />
			{hover !== null && area.width > 0 && <div className="trend-hover" style={{ left: leftOf(hover), top: area.top, height: area.height }} />}
			{marks.map((m, i) => m !== null && m >= w.from && m <= w.to && area.width > 0 && (
				<MarkLine
					key={i} name={'AB'[i]!} at={m} window={w} area={area} left={leftOf(m)}
					onMove={(x) => onMarks(i ? [marks[0], x] : [x, marks[1]])}
				/>
			))}
		</div>
	);
}

interface MarkProps {
	name: string;
	at: number;
	window: Window;
	area: { left: number; width: number; top: number; height: number };
	left: number;
	onMove: (x: number) => void;
}

/** A line over the plot that can be dragged, or moved by the arrow keys. */
function MarkLine({ name, at, window: w, area, left, onMove }: MarkProps) {
	const { t } = useText();
	const drag = useRef(false);
	const inside = (x: number): number => Math.min(w.to, Math.max(w.from, x));
	const move = (e: React.PointerEvent): void => {
		if (!drag.current) return;
		const host = e.currentTarget.parentElement!.getBoundingClientRect();
		onMove(inside(w.from + ((e.clientX - host.left - area.left) / area.width) * (w.to - w.from)));
	};
	const key = (e: React.KeyboardEvent): void => {
		const px = (w.to - w.from) / area.width;
		const by = { ArrowLeft: -px, ArrowRight: px, PageUp: -20 * px, PageDown: 20 * px }[e.key];
		if (by === undefined) return;
		e.preventDefault();
		e.stopPropagation();
		onMove(inside(at + by * (e.shiftKey ? 10 : 1)));
	};
	return (
		<div
			className="trend-mark" style={{ left, top: area.top, height: area.height }} role="slider" tabIndex={0} aria-label={t('trend.mark', { name })}
			aria-valuemin={w.from} aria-valuemax={w.to} aria-valuenow={at} aria-valuetext={formatDateTime(at * 1000, w.to - w.from < 120)} onKeyDown={key}
			onPointerDown={(e) => { drag.current = true; e.currentTarget.setPointerCapture(e.pointerId); }} onPointerMove={move}
			onPointerUp={() => { drag.current = false; }} onPointerCancel={() => { drag.current = false; }}
		>
			<span>{name}</span>
		</div>
	);
}
