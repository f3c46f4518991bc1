/* What is drawn on the plot's canvas besides lines: bad and uncertain time, limits, bands of states. Sizes in CSS pixels × r. */
import type uPlot from 'uplot';
import { cssColor } from '../app/appearance';
import { severity } from '../lib/quality';
import { stateColor } from './colors';
import { bandsOf, type Line } from './data';
import type { PlotPoint } from './Plot';

export const LANE = 36;
const CAPTION = 15;
const FONT = '"Segoe UI", "Helvetica Neue", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif';

export function hatch(ctx: CanvasRenderingContext2D, color: string): CanvasPattern | null {
	const tile = document.createElement('canvas');
	const r = devicePixelRatio || 1;
	tile.width = tile.height = Math.round(8 * r);
	const c = tile.getContext('2d')!;
	c.strokeStyle = color;
	c.globalAlpha = 0.5;
	c.lineWidth = r;
	c.beginPath();
	for (const o of [-8, 0, 8]) {
		c.moveTo(o * r, 8 * r);
		c.lineTo((o + 8) * r, 0);
	}
	c.stroke();
	return ctx.createPattern(tile, 'repeat');
}

/** Clipped to the part that shows values, or to what is below it. */
function inside(u: uPlot, top: number, height: number, fn: (ctx: CanvasRenderingContext2D, r: number) => void): void {
	const { ctx, bbox } = u;
	ctx.save();
	ctx.beginPath();
	ctx.rect(bbox.left, top, bbox.width, height);
	ctx.clip();
	fn(ctx, devicePixelRatio || 1);
	ctx.restore();
}

/** The whole height says that something is bad, the hatched strip whose values; uncertain time has a strip at the top. */
export function drawSpans(u: uPlot, points: PlotPoint[], lines: Map<string, Line>): void {
	const { bbox } = u;
	inside(u, bbox.top, bbox.height, (ctx, r) => {
		const bad = cssColor('--bad');
		const warn = cssColor('--warn-fill');
		const pattern = hatch(ctx, bad);
		const strip = bbox.height / Math.max(1, points.length);
		points.forEach((p, i) => {
			for (const s of lines.get(p.id)?.spans ?? []) {
				const a = u.valToPos(s.from, 'x', true);
				const b = Math.max(a + 3 * r, u.valToPos(s.to, 'x', true));
				if (b < bbox.left || a > bbox.left + bbox.width) continue;
				if (severity(s.q) === 'uncertain') {
					ctx.fillStyle = warn;
					ctx.fillRect(a, bbox.top, b - a, 3 * r);
					continue;
				}
				const y = bbox.top + i * strip;
				ctx.fillStyle = bad;
				ctx.globalAlpha = 0.1;
				ctx.fillRect(a, bbox.top, b - a, bbox.height);
				ctx.globalAlpha = 1;
				if (pattern) {
					ctx.fillStyle = pattern;
					ctx.fillRect(a, y, b - a, strip);
				}
				ctx.fillStyle = p.color;
				ctx.fillRect(a, y, b - a, 4 * r);
			}
		});
	});
}

/** Limits of a point: dashed lines with their names at the right. */
export function drawLimits(u: uPlot, p: PlotPoint, scale: string): void {
	const { bbox } = u;
	inside(u, bbox.top, bbox.height, (ctx, r) => {
		ctx.font = `${11 * r}px ${FONT}`;
		ctx.textAlign = 'right';
		ctx.textBaseline = 'bottom';
		for (const [name, value] of p.limits ?? []) {
			const y = Math.round(u.valToPos(value, scale, true)) + 0.5;
			ctx.strokeStyle = ctx.fillStyle = cssColor(name.length > 1 ? '--bad' : '--warn');
			ctx.lineWidth = r;
			ctx.setLineDash([6 * r, 4 * r]);
			ctx.beginPath();
			ctx.moveTo(bbox.left, y);
			ctx.lineTo(bbox.left + bbox.width, y);
			ctx.stroke();
			ctx.fillText(`${name} ${value}`, bbox.left + bbox.width - 4 * r, y - 2 * r);
		}
	});
}

function ellipsis(ctx: CanvasRenderingContext2D, text: string, width: number): string {
	if (ctx.measureText(text).width <= width) return text;
	for (let n = text.length - 1; n > 0; n--) if (ctx.measureText(`${text.slice(0, n)}…`).width <= width) return `${text.slice(0, n)}…`;
	return '';
}

/** Below the plot, a lane a state point: its name, and a band for each state with the state's text. */
export function drawLanes(u: uPlot, points: PlotPoint[], lines: Map<string, Line>, isDark: boolean): void {
	const { bbox } = u;
	const r = devicePixelRatio || 1;
	const top = bbox.top + bbox.height + 2 * r;
	inside(u, top, points.length * LANE * r, (ctx) => {
		const ink = cssColor('--ink');
		const pattern = hatch(ctx, cssColor('--bad'));
		const x = (s: number): number => Math.min(bbox.left + bbox.width, Math.max(bbox.left, u.valToPos(s, 'x', true)));
		const { min = 0, max = 0 } = u.scales.x!;
		points.forEach((p, i) => {
			const y = top + (i * LANE + CAPTION) * r;
			const h = (LANE - CAPTION - 2) * r;
			ctx.textBaseline = 'middle';
			ctx.textAlign = 'left';
			ctx.font = `${11 * r}px ${FONT}`;
			ctx.fillStyle = cssColor('--ink-2');
			ctx.fillText(p.faint ? `${p.name}` : p.name, bbox.left, y - 6 * r);
			ctx.fillStyle = cssColor('--soft');
			ctx.fillRect(bbox.left, y, bbox.width, h);
			const line = lines.get(p.id);
			if (!line) return;
			for (const b of bandsOf(line, min ?? 0, max ?? 0)) {
				const a = x(b.from);
				const w = Math.max(r, x(b.to) - a);
				if (x(b.to) <= bbox.left || a >= bbox.left + bbox.width) continue;
				ctx.fillStyle = b.value === null ? cssColor('--meter-ok') : stateColor(b.value, isDark);
				ctx.globalAlpha = p.faint ? 0.6 : 1;
				ctx.fillRect(a, y, w, h);
				ctx.globalAlpha = 1;
				if (b.value === null || w < 22 * r) continue;
				ctx.fillStyle = ink;
				ctx.fillText(ellipsis(ctx, p.stateText?.(b.value) ?? String(b.value), w - 8 * r), a + 4 * r, y + h / 2);
			}
			for (const s of line.spans) {
				if (severity(s.q) !== 'bad' || !pattern) continue;
				const a = x(s.from);
				ctx.fillStyle = pattern;
				ctx.fillRect(a, y, Math.max(2 * r, x(s.to) - a), h);
			}
		});
	});
}
