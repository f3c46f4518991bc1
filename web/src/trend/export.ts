/* What is seen, as a file: the picture with title and legend, the numbers as CSV. */
import type { queryBook } from '../api/calls';
import { cssColor } from '../app/appearance';
import { formatCsv } from '../lib/csv';
import { formatDateTime } from '../lib/format';
import type { Line } from './data';
import type { PlotPoint } from './Plot';
import type { Window } from './window';

/** A row a time, a column a point; of buckets three columns (mean, lowest, highest). Times in the order they are drawn. */
export function tableOf(points: PlotPoint[], lines: Map<string, Line>, w: Window, words: { time: string; mean: string; min: string; max: string }): string[][] {
	const shown = points.flatMap((p) => {
		const line = lines.get(p.id);
		return line ? [{ p, line }] : [];
	});
	const head = [words.time, ...shown.flatMap(({ p, line }) => {
		const name = p.unit ? `${p.name} (${p.unit})` : p.name;
		return line.grain && line.lo && !p.isState ? [`${name} ${words.mean}`, `${name} ${words.min}`, `${name} ${words.max}`] : [name];
	})];
	const rows = new Map<number, string[]>();
	let column = 1;
	const text = (n: number | null | undefined): string => (n === null || n === undefined ? '' : String(n));
	for (const { p, line } of shown) {
		const wide = line.grain > 0 && line.lo !== undefined && !p.isState;
		for (let i = 0; i < line.x.length; i++) {
			const x = line.x[i]!;
			/* The end of a line before a gap is no sample. */
			if (x < w.from || x > w.to || (line.y[i] === null && !line.spans.some((s) => x >= s.from && x <= s.to))) continue;
			let row = rows.get(x);
			if (!row) rows.set(x, (row = new Array<string>(head.length).fill('')));
			row[0] = formatDateTime(Math.round(x * 1000), true);
			const y = line.y[i];
			row[column] = p.isState && y !== null && y !== undefined && p.stateText ? p.stateText(y) : text(y);
			if (wide) {
				row[column + 1] = text(line.lo?.[i]);
				row[column + 2] = text(line.hi?.[i]);
			}
		}
		column += wide ? 3 : 1;
	}
	return [head, ...[...rows.entries()].sort(([a], [b]) => a - b).map(([, r]) => r)];
}
export const csvOf = (...args: Parameters<typeof tableOf>): string => formatCsv(tableOf(...args));

/** What is asked of the platform for a workbook of what is seen: the same points, window, grain and comparison, on this screen's clock. */
export function bookOf(points: PlotPoint[], w: Window, grain: number, shift: number): Parameters<typeof queryBook>[0] {
	const from = new Date(w.from * 1000);
	return {
		points: points.filter((p) => !p.faint).map((p) => p.id), from: from.toISOString(), to: new Date(w.to * 1000).toISOString(), zone_minutes: -from.getTimezoneOffset(),
		...(grain ? { step: `${grain}s`, aggregates: ['avg', 'min', 'max'] } : {}), ...(shift ? { compare: `${shift}s` } : {}),
	};
}

/** The plot as it stands, with its title above and its points below. */
export function pictureOf(plot: HTMLCanvasElement, title: string, when: string, points: PlotPoint[]): HTMLCanvasElement {
	const r = devicePixelRatio || 1;
	const out = document.createElement('canvas');
	const font = '"Segoe UI", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif';
	const measure = out.getContext('2d')!;
	measure.font = `${12 * r}px ${font}`;
	const rows: PlotPoint[][] = [[]];
	let used = 0;
	for (const p of points) {
		const w = measure.measureText(label(p)).width + 44 * r;
		if (used + w > plot.width - 24 * r && rows[rows.length - 1]!.length) {
			rows.push([]);
			used = 0;
		}
		rows[rows.length - 1]!.push(p);
		used += w;
	}
	const head = 46 * r;
	out.width = plot.width;
	out.height = plot.height + head + (rows.length * 20 + 12) * r;
	const c = out.getContext('2d')!;
	c.fillStyle = cssColor('--paper');
	c.fillRect(0, 0, out.width, out.height);
	c.fillStyle = cssColor('--ink');
	c.font = `600 ${15 * r}px ${font}`;
	c.fillText(title, 12 * r, 20 * r);
	c.fillStyle = cssColor('--ink-2');
	c.font = `${12 * r}px ${font}`;
	c.fillText(when, 12 * r, 38 * r);
	c.drawImage(plot, 0, head);
	rows.forEach((row, i) => {
		let x = 12 * r;
		const y = head + plot.height + (i * 20 + 14) * r;
		for (const p of row) {
			c.strokeStyle = p.color;
			c.lineWidth = 3 * r;
			c.setLineDash(p.faint ? [5 * r, 4 * r] : []);
			c.beginPath();
			c.moveTo(x, y - 4 * r);
			c.lineTo(x + 18 * r, y - 4 * r);
			c.stroke();
			c.fillStyle = cssColor('--ink');
			c.fillText(label(p), x + 24 * r, y);
			x += c.measureText(label(p)).width + 44 * r;
		}
	});
	return out;
}
const label = (p: PlotPoint): string => (p.unit ? `${p.name} (${p.unit})` : p.name);

export function savePicture(c: HTMLCanvasElement, name: string): Promise<void> {
	return new Promise((ok) => {
		c.toBlob((blob) => {
			if (blob) {
				const a = document.createElement('a');
				a.href = URL.createObjectURL(blob);
				a.download = name;
				a.click();
				setTimeout(() => URL.revokeObjectURL(a.href), 10e3);
			}
			ok();
		}, 'image/png');
	});
}
