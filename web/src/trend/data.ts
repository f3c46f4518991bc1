/*
 * Trend data: columns from the server → columns for the plot.
 *
 * Raw samples when the window is narrow, the lowest and highest of every pixel when it is wide (so that a spike of one scan is
 * seen in a month). What is not good has no value on the line: it is a gap, and a span with its reason.
 */
import type { QuerySeries, Scalar } from '../api/contract';
import { severity } from '../lib/quality';

export interface Span {
	/** s */
	from: number;
	to: number;
	q: number;
}
export interface Line {
	point: string;
	/** s, ascending */
	x: number[];
	y: (number | null)[];
	spans: Span[];
}

export const RAW_LIMIT = 20000;
/** Windows up to this long are asked for as they were stored. */
export const RAW_WINDOW_S = 15 * 60;

/** Bucket length in seconds for a window on so many pixels: 1, 2, 5, 10, 15, 30 s, 1, 2, 5 … min, h, d. */
export function stepFor(windowS: number, pixels: number): number {
	const want = windowS / Math.max(50, pixels);
	const ladder = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
	return ladder.find((s) => s >= want) ?? Math.ceil(want / 86400) * 86400;
}

export function toNumber(v: Scalar | undefined): number | null {
	if (v === null || v === undefined) return null;
	if (typeof v === 'boolean') return v ? 1 : 0;
	const n = typeof v === 'number' ? v : Number(v);
	return Number.isFinite(n) ? n : null;
}

/** Raw samples: a value until the next; a bad one begins a span that lasts until the next good one (or `end`). */
export function fromRaw(s: QuerySeries, endS: number): Line {
	const line: Line = { point: s.point, x: [], y: [], spans: [] };
	let open: Span | null = null;
	for (let i = 0; i < s.t.length; i++) {
		const x = s.t[i]! / 1e6;
		const q = s.q?.[i] ?? 0;
		const bad = severity(q) === 'bad';
		if (open && (!bad || open.q !== q)) {
			open.to = x;
			line.spans.push(open);
			open = null;
		}
		if (bad && !open) open = { from: x, to: x, q };
		line.x.push(x);
		line.y.push(bad ? null : toNumber(s.v?.[i]));
	}
	if (open) {
		open.to = Math.max(open.from, endS);
		line.spans.push(open);
	}
	return line;
}

export interface Buckets {
	point: string;
	/** µs, begin of each bucket */
	t: number[];
	min: (number | null)[];
	max: (number | null)[];
	q: number[];
}

/** The answer with the aggregates min and max; q is the worst quality of each bucket. */
export function buckets(s: QuerySeries): Buckets {
	return {
		point: s.point, t: s.t, min: s.t.map((_, i) => toNumber(s.min?.[i])), max: s.t.map((_, i) => toNumber(s.max?.[i])),
		q: s.t.map((_, i) => s.q?.[i] ?? 0),
	};
}

/** Two points a bucket, so that the line fills the bucket's height; buckets without good samples are a gap. */
export function fromBuckets(b: Buckets, stepS: number): Line {
	const line: Line = { point: b.point, x: [], y: [], spans: [] };
	let open: Span | null = null;
	for (let i = 0; i < b.t.length; i++) {
		const x = b.t[i]! / 1e6;
		const lo = b.min[i] ?? null;
		const hi = b.max[i] ?? null;
		const bad = severity(b.q[i]!) === 'bad';
		if (open && (!bad || open.q !== b.q[i] || x - open.to > stepS / 2)) {
			line.spans.push(open);
			open = null;
		}
		if (bad) {
			if (open) open.to = x + stepS;
			else open = { from: x, to: x + stepS, q: b.q[i]! };
		}
		if (lo === null || hi === null) {
			line.x.push(x);
			line.y.push(null);
		} else if (lo === hi) {
			line.x.push(x);
			line.y.push(lo);
		} else {
			const before = line.y[line.y.length - 1] ?? lo;
			const up = Math.abs(before - lo) <= Math.abs(before - hi);
			line.x.push(x, x + stepS / 2);
			line.y.push(up ? lo : hi, up ? hi : lo);
		}
	}
	if (open) line.spans.push(open);
	return line;
}

/** Adds a live sample at the end; drops what has left the window. */
export function append(line: Line, t: number, v: Scalar, q: number, keepFromS: number): void {
	const x = t / 1e6;
	if (line.x.length && x <= line.x[line.x.length - 1]!) return;
	const bad = severity(q) === 'bad';
	const end = line.spans[line.spans.length - 1];
	const open = end && line.y.length > 0 && line.y[line.y.length - 1] === null && end.to >= line.x[line.x.length - 1]! ? end : null;
	if (open && (bad ? open.q === q : true)) open.to = x;
	if (bad && (!open || open.q !== q)) line.spans.push({ from: x, to: x, q });
	line.x.push(x);
	line.y.push(bad ? null : toNumber(v));
	let drop = 0;
	while (drop < line.x.length && line.x[drop]! < keepFromS) drop++;
	if (drop > 1000) {
		line.x.splice(0, drop - 1);
		line.y.splice(0, drop - 1);
		line.spans = line.spans.filter((s) => s.to >= keepFromS);
	}
}

/** All lines on one axis of time, as uPlot wants them: undefined where a line has no sample, null where it has a gap. */
export function align(lines: Line[]): [number[], ...(number | null | undefined)[][]] {
	const xs = [...new Set(lines.flatMap((l) => l.x))].sort((a, b) => a - b);
	const ys = lines.map((l) => {
		const out = new Array<number | null | undefined>(xs.length);
		let i = 0;
		for (let k = 0; k < xs.length; k++) {
			while (i < l.x.length && l.x[i]! < xs[k]!) i++;
			out[k] = i < l.x.length && l.x[i] === xs[k] ? l.y[i] : undefined;
		}
		return out;
	});
	return [xs, ...ys];
}

/** The value of a line at a time: that of the last sample at or before it; null inside a bad span. */
export function valueAt(line: Line, xS: number): { value: number | null; q: number; at: number | null } {
	const span = line.spans.find((s) => xS >= s.from && xS < s.to);
	if (span) return { value: null, q: span.q, at: span.from };
	let lo = 0;
	let hi = line.x.length;
	while (lo < hi) {
		const mid = (lo + hi) >> 1;
		if (line.x[mid]! <= xS) lo = mid + 1;
		else hi = mid;
	}
	return lo ? { value: line.y[lo - 1] ?? null, q: 0, at: line.x[lo - 1]! } : { value: null, q: 0, at: null };
}

/** One scale a unit, in order of first use: axes alternate left and right. */
export function scalesOf(points: { id: string; unit?: string }[]): { key: string; unit: string; side: 1 | 3; points: string[] }[] {
	const out: { key: string; unit: string; side: 1 | 3; points: string[] }[] = [];
	for (const p of points) {
		const unit = p.unit ?? '';
		const s = out.find((x) => x.unit === unit);
		if (s) s.points.push(p.id);
		else out.push({ key: `y${out.length}`, unit, side: out.length % 2 ? 1 : 3, points: [p.id] });
	}
	return out;
}
