/*
 * The plot: uPlot with a scale a unit, pan by drag, zoom by wheel, keys and two fingers, bad spans as hatched red bands.
 * It holds no data of its own: lines and window come in, wishes for another window go out.
 */
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useSize } from '../app/hooks';
import { formatNumber } from '../lib/format';
import { align, scalesOf, type Line } from './data';

export interface PlotPoint {
	id: string;
	name: string;
	unit?: string;
	color: string;
	dash?: number[];
	/** Held until the next sample, as it is for states and slow values. */
	step: boolean;
	/** Whole numbers only, such as states. */
	whole: boolean;
}
export interface Window {
	from: number;
	to: number;
}
interface Props {
	points: PlotPoint[];
	lines: Map<string, Line>;
	/** Changes when lines were changed in place. */
	version: number;
	window: Window;
	onWindow: (w: Window) => void;
	/** s, or null when the pointer has left. */
	onCursor: (x: number | null) => void;
	lang: string;
	label: string;
}

const AXIS = '#54606c';
const GRID = '#e6e9ec';
const WHOLE = [1, 2, 5].flatMap((m) => [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((e) => m * 10 ** e)).sort((a, b) => a - b);
export const MIN_WINDOW_S = 1;
export const MAX_WINDOW_S = 20 * 366 * 86400;

export const COLORS = ['#1f6f9f', '#b5541c', '#3b7d3b', '#7b4fa3', '#9a7b00', '#0f8a8a', '#a83268', '#5a6b78', '#3f51b5', '#6d4c41', '#558b2f', '#c2185b'];

/** The window moved and stretched about a place in it, within sense. */
export function zoomed(w: Window, factor: number, at: number): Window {
	const span = Math.min(MAX_WINDOW_S, Math.max(MIN_WINDOW_S, (w.to - w.from) * factor));
	const share = (at - w.from) / (w.to - w.from);
	const from = at - span * share;
	return { from, to: from + span };
}

function hatch(ctx: CanvasRenderingContext2D): CanvasPattern | null {
	const tile = document.createElement('canvas');
	const r = devicePixelRatio || 1;
	tile.width = tile.height = Math.round(8 * r);
	const c = tile.getContext('2d')!;
	c.strokeStyle = 'rgba(179,38,30,0.45)';
	c.lineWidth = r;
	c.beginPath();
	for (const o of [-8, 0, 8]) {
		c.moveTo(o * r, 8 * r);
		c.lineTo((o + 8) * r, 0);
	}
	c.stroke();
	return ctx.createPattern(tile, 'repeat');
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

export function Plot({ points, lines, version, window: w, onWindow, onCursor, lang, label }: Props) {
	const [box, size] = useSize<HTMLDivElement>();
	const hasSize = size.width > 0 && size.height > 0;
	const plot = useRef<uPlot | null>(null);
	const live = useRef({ points, lines, w, onWindow, onCursor });
	live.current = { points, lines, w, onWindow, onCursor };
	const shape = JSON.stringify([points.map((p) => [p.id, p.unit, p.color, p.step, p.dash]), lang]);

	useEffect(() => {
		const host = box.current;
		if (!host || !size.width || !size.height) return;
		const now = live.current;
		const scales = scalesOf(now.points);
		const opts: uPlot.Options = {
			width: size.width, height: size.height, legend: { show: false }, padding: [12, 12, 0, 4],
			cursor: { drag: { x: false, y: false, setScale: false }, points: { size: 7 }, focus: { prox: 24 } },
			focus: { alpha: 0.45 },
			scales: { x: { time: true, range: () => [live.current.w.from, live.current.w.to] }, ...Object.fromEntries(scales.map((s) => [s.key, { range: yRange }])) },
			axes: [
				{ stroke: AXIS, grid: { stroke: GRID, width: 1 }, ticks: { stroke: GRID }, values: timeTicks, space: 90, size: 44, font: '12px sans-serif' },
				...scales.map((s, i): uPlot.Axis => ({
					scale: s.key, side: s.side, label: s.unit || undefined, labelSize: 20, labelFont: 'bold 12px sans-serif', font: '12px sans-serif',
					stroke: scales.length > 1 && s.points.length === 1 ? now.points.find((p) => p.id === s.points[0])!.color : AXIS,
					grid: { show: i === 0, stroke: GRID, width: 1 },
					incrs: now.points.filter((p) => s.points.includes(p.id)).every((p) => p.whole) ? WHOLE : undefined, ticks: { stroke: GRID }, size: axisSize,
					values: (_u, v) => v.map((x) => (x === null ? '' : formatNumber(Number(x.toPrecision(6))))),
				})),
			],
			series: [{}, ...now.points.map((p): uPlot.Series => ({
				label: p.name, scale: scales.find((s) => s.points.includes(p.id))!.key, stroke: p.color, width: 1.5, dash: p.dash, spanGaps: false,
				paths: p.step ? uPlot.paths.stepped!({ align: 1 }) : uPlot.paths.linear!(), points: { show: fewPoints, size: 4 },
			}))],
			hooks: {
				drawClear: [(u) => {
					const { ctx, bbox } = u;
					const { points: ps, lines: ls } = live.current;
					ctx.save();
					ctx.beginPath();
					ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
					ctx.clip();
					const pattern = hatch(ctx);
					const band = bbox.height / Math.max(1, ps.length);
					ps.forEach((p, i) => {
						for (const s of ls.get(p.id)?.spans ?? []) {
							const a = u.valToPos(s.from, 'x', true);
							const b = Math.max(a + 3 * (devicePixelRatio || 1), u.valToPos(s.to, 'x', true));
							if (b < bbox.left || a > bbox.left + bbox.width) continue;
							/* The whole height says that something is bad, the hatched lane whose values. */
							const y = bbox.top + i * band;
							ctx.fillStyle = 'rgba(179,38,30,0.10)';
							ctx.fillRect(a, bbox.top, b - a, bbox.height);
							if (pattern) {
								ctx.fillStyle = pattern;
								ctx.fillRect(a, y, b - a, band);
							}
							ctx.fillStyle = p.color;
							ctx.fillRect(a, y, b - a, 4 * (devicePixelRatio || 1));
						}
					});
					ctx.restore();
				}],
				setCursor: [(u) => live.current.onCursor(u.cursor.left !== undefined && u.cursor.left !== null && u.cursor.left >= 0 ? u.posToVal(u.cursor.left, 'x') : null)],
			},
		};
		const u = new uPlot(opts, align(now.points.map((p) => now.lines.get(p.id) ?? { point: p.id, x: [], y: [], spans: [] })) as uPlot.AlignedData, host);
		plot.current = u;
		const off = attach(u, host, live);
		return () => {
			off();
			u.destroy();
			plot.current = null;
		};
		// the size at birth; later sizes go to setSize below
		// eslint-disable-next-line react-hooks/exhaustive-deps
	}, [shape, hasSize, box]);
	useEffect(() => {
		if (size.width && size.height) plot.current?.setSize({ width: size.width, height: size.height });
	}, [size.width, size.height]);

	useEffect(() => {
		plot.current?.setData(align(points.map((p) => lines.get(p.id) ?? { point: p.id, x: [], y: [], spans: [] })) as uPlot.AlignedData, true);
	}, [lines, version, points]);
	useEffect(() => {
		plot.current?.setScale('x', { min: w.from, max: w.to });
	}, [w.from, w.to]);

	const onKey = (e: React.KeyboardEvent): void => {
		const span = w.to - w.from;
		const moves: Record<string, () => Window> = {
			ArrowLeft: () => ({ from: w.from - span / 10, to: w.to - span / 10 }),
			ArrowRight: () => ({ from: w.from + span / 10, to: w.to + span / 10 }),
			'+': () => zoomed(w, 0.7, (w.from + w.to) / 2),
			'=': () => zoomed(w, 0.7, (w.from + w.to) / 2),
			'-': () => zoomed(w, 1 / 0.7, (w.from + w.to) / 2),
		};
		const move = moves[e.key];
		if (move) {
			e.preventDefault();
			onWindow(move());
		}
	};
	return <div ref={box} className="trend-plot" tabIndex={0} role="application" aria-label={label} onKeyDown={onKey} />;
}

function yRange(_: uPlot, min: number | null, max: number | null): [number, number] {
	if (min === null || max === null) return [0, 1];
	if (min === max) {
		const pad = Math.abs(min) * 0.1 || 1;
		return [min - pad, max + pad];
	}
	const pad = (max - min) * 0.08;
	return [min - pad, max + pad];
}
function axisSize(_: uPlot, values: string[] | null): number {
	const longest = (values ?? []).reduce((n, v) => Math.max(n, v?.length ?? 0), 0);
	return Math.max(38, longest * 8 + 18);
}
function fewPoints(u: uPlot, i: number, i0: number, i1: number): boolean {
	return i1 - i0 < u.bbox.width / (devicePixelRatio || 1) / 12 && (u.data[i]?.length ?? 0) < 400;
}

interface Live {
	w: Window;
	onWindow: (w: Window) => void;
}
/** Mouse, wheel and fingers on the plot. */
function attach(u: uPlot, host: HTMLElement, live: React.RefObject<Live>): () => void {
	const over = u.over;
	const perPixel = (): number => (live.current.w.to - live.current.w.from) / over.clientWidth;
	const fingers = new Map<number, number>();
	let grip: { x: number; w: Window } | null = null;
	let pinch: { span: number; at: number; w: Window } | null = null;
	const restart = (): void => {
		const xs = [...fingers.values()];
		const w = { ...live.current.w };
		grip = xs.length === 1 ? { x: xs[0]!, w } : null;
		const left = over.getBoundingClientRect().left;
		pinch = xs.length === 2 ? { span: Math.max(10, Math.abs(xs[0]! - xs[1]!)), at: w.from + ((xs[0]! + xs[1]!) / 2 - left) * perPixel(), w } : null;
	};
	const down = (e: PointerEvent): void => {
		if (e.button !== 0) return;
		fingers.set(e.pointerId, e.clientX);
		over.setPointerCapture(e.pointerId);
		host.focus({ preventScroll: true });
		restart();
	};
	const move = (e: PointerEvent): void => {
		if (!fingers.has(e.pointerId)) return;
		fingers.set(e.pointerId, e.clientX);
		const xs = [...fingers.values()];
		if (pinch && xs.length === 2) live.current.onWindow(zoomed(pinch.w, pinch.span / Math.max(10, Math.abs(xs[0]! - xs[1]!)), pinch.at));
		else if (grip && Math.abs(e.clientX - grip.x) > 2) {
			host.classList.add('panning');
			const by = ((grip.x - e.clientX) * (grip.w.to - grip.w.from)) / over.clientWidth;
			live.current.onWindow({ from: grip.w.from + by, to: grip.w.to + by });
		}
	};
	const up = (e: PointerEvent): void => {
		fingers.delete(e.pointerId);
		host.classList.remove('panning');
		restart();
	};
	const wheel = (e: WheelEvent): void => {
		e.preventDefault();
		const w = live.current.w;
		const at = w.from + (e.clientX - over.getBoundingClientRect().left) * perPixel();
		if (e.shiftKey || Math.abs(e.deltaX) > Math.abs(e.deltaY)) {
			const by = (e.deltaX || e.deltaY) * perPixel();
			live.current.onWindow({ from: w.from + by, to: w.to + by });
		} else live.current.onWindow(zoomed(w, Math.exp(Math.max(-120, Math.min(120, e.deltaY)) * 0.0025), at));
	};
	over.addEventListener('pointerdown', down);
	over.addEventListener('pointermove', move);
	over.addEventListener('pointerup', up);
	over.addEventListener('pointercancel', up);
	over.addEventListener('wheel', wheel, { passive: false });
	return () => {
		over.removeEventListener('pointerdown', down);
		over.removeEventListener('pointermove', move);
		over.removeEventListener('pointerup', up);
		over.removeEventListener('pointercancel', up);
		over.removeEventListener('wheel', wheel);
	};
}
