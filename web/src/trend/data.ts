/*
 * Trend data: columns from the server → columns for the plot.
 *
 * Samples as they are while they are few; else mean, lowest and highest of every pixel (so that a spike of one scan is seen in a
 * month). What is bad has no value on the line: it is a gap, and a span with its reason. Time without samples is a gap too: no
 * line is drawn over what nobody measured.
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
	/** The sample, or the mean of the bucket that is centred at x. */
	y: (number | null)[];
	/** Lowest and highest of each bucket; absent when samples are as they were. */
	lo?: (number | null)[];
	hi?: (number | null)[];
	/** Bad and uncertain stretches. */
	spans: Span[];
	/** s of a bucket; 0: samples as they were. */
	grain: number;
	/** s: longer without a sample is a gap; Infinity: a value holds until the next. */
	gap: number;
	/** Samples in the last bucket, for the mean while live values come. */
	n?: number;
}

/** Never more samples a line than this many a pixel. */
export const PER_PIXEL = 2;
export const RAW_LIMIT = 20000;

const LADDER = [1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400];

/** Bucket length in seconds for a window on so many pixels; 0: the samples themselves are few enough. */
export function stepFor(windowS: number, pixels: number, periodS = 1): number {
	if (windowS / periodS <= PER_PIXEL * pixels) return 0;
	const want = windowS / Math.max(50, pixels);
	return LADDER.find((s) => s >= want) ?? Math.ceil(want / 86400) * 86400;
}

/**
 * How long may be without a sample before it is a gap. What is read in a period: three periods. What is sent in without one: five
 * times its usual distance; if its values are held (states), never.
 */
export function gapOf(x: number[], periodS: number | undefined, isHeld: boolean): number {
	if (periodS) return Math.max(1, periodS * 3);
	if (isHeld) return Infinity;
	if (x.length < 3) return Infinity;
	const steps: number[] = [];
	for (let i = 1; i < x.length; i += Math.max(1, Math.floor(x.length / 200))) steps.push(x[i]! - x[i - 1]!);
	steps.sort((a, b) => a - b);
	return Math.max(1, 5 * steps[steps.length >> 1]!);
}

export function toNumber(v: Scalar | undefined): number | null {
	if (v === null || v === undefined) return null;
	if (typeof v === 'boolean') return v ? 1 : 0;
	const n = typeof v === 'number' ? v : Number(v);
	return Number.isFinite(n) ? n : null;
}

function mark(spans: Span[], q: number, from: number, to: number): void {
	const last = spans[spans.length - 1];
	if (last && last.q === q && from <= last.to) last.to = Math.max(last.to, to);
	else spans.push({ from, to, q });
}

/** The line ends `reach` after its last sample. */
function breakAt(line: Line, x: number, reach: number): void {
	line.x.push(x + reach);
	line.y.push(null);
	line.lo?.push(null);
	line.hi?.push(null);
}

export interface Shape {
	/** s, of the scan group; undefined: nobody reads it in a period. */
	period?: number;
	held: boolean;
}

/** Samples as they were: a bad one begins a span that lasts until the next good one, a gap, or `end`. */
export function fromRaw(s: QuerySeries, endS: number, shape: Shape = { held: true }): Line {
	const t = s.t.map((us) => us / 1e6);
	const gap = gapOf(t, shape.period, shape.held);
	const line: Line = { point: s.point, x: [], y: [], spans: [], grain: 0, gap };
	for (let i = 0; i < t.length; i++) {
		const x = t[i]!;
		const q = s.q?.[i] ?? 0;
		const next = t[i + 1] ?? Math.max(x, endS);
		const kind = severity(q);
		const isBad = kind === 'bad';
		line.x.push(x);
		line.y.push(isBad ? null : toNumber(s.v?.[i]));
		/* What is bad stays bad until somebody says otherwise: it is said again only now and then. */
		if (isBad) mark(line.spans, q, x, next);
		else if (kind === 'uncertain') mark(line.spans, q, x, next - x > gap ? x : next);
		if (i + 1 < t.length && next - x > gap && !isBad) breakAt(line, x, Math.min(gap / 3, (next - x) / 2));
	}
	return line;
}

/** The answer with the aggregates avg, min, max, count (and last, for states); q is the worst quality of each bucket. */
export function fromBuckets(s: QuerySeries, stepS: number, shape: Shape, isState = false): Line {
	const line: Line = { point: s.point, x: [], y: [], lo: [], hi: [], spans: [], grain: stepS, gap: 0 };
	const kept: number[] = [];
	for (let i = 0; i < s.t.length; i++) if (toNumber(s.count?.[i]) !== 0) kept.push(i);
	const t = kept.map((i) => s.t[i]! / 1e6);
	line.gap = Math.max(gapOf(t, shape.period, shape.held), stepS * 1.5);
	kept.forEach((i, k) => {
		/* The first bucket is cut at the beginning of the window: its border is where it would have begun. */
		const begin = Math.floor(t[k]! / stepS) * stepS;
		const q = s.q?.[i] ?? 0;
		const lo = toNumber(s.min?.[i]);
		const hi = toNumber(s.max?.[i]);
		const y = isState ? toNumber(s.last?.[i]) : toNumber(s.avg?.[i]) ?? (lo === null || hi === null ? null : (lo + hi) / 2);
		if (severity(q) !== 'good') mark(line.spans, q, begin, begin + stepS);
		line.x.push(isState ? begin : begin + stepS / 2);
		line.y.push(lo === null ? null : y);
		line.lo!.push(lo);
		line.hi!.push(hi);
		const next = t[k + 1];
		if (next !== undefined && next - begin > line.gap) breakAt(line, begin, stepS);
	});
	line.n = toNumber(s.count?.[kept[kept.length - 1] ?? -1]) ?? 1;
	return line;
}

/** Of a group of points: what a bucket's values were put together to. Few enough for a screen, and never finer than a second. */
export const groupStep = (windowS: number): number => stepFor(Math.max(windowS, 2), 400, 1e-6) || 1;
export function fromGroup(s: QuerySeries, stepS: number, id: string): Line {
	const line: Line = { point: id, x: [], y: [], spans: [], grain: stepS, gap: stepS * 1.5 };
	s.t.forEach((us, i) => {
		const begin = Math.floor(us / 1e6 / stepS) * stepS;
		const last = line.x[line.x.length - 1];
		if (last !== undefined && begin - (last - stepS / 2) > line.gap) breakAt(line, last, stepS / 2);
		line.x.push(begin + stepS / 2);
		line.y.push(toNumber(s.avg?.[i]));
	});
	return line;
}

function appendBucket(line: Line, x: number, y: number | null): void {
	const begin = Math.floor(x / line.grain) * line.grain;
	const at = begin + line.grain / 2;
	const i = line.x.length - 1;
	if (i >= 0 && (line.x[i] === at || line.x[i] === begin)) {
		if (y === null) return;
		const n = line.n ?? 1;
		line.y[i] = line.y[i] === null ? y : (line.y[i]! * n + y) / (n + 1);
		line.lo![i] = line.lo![i] === null ? y : Math.min(line.lo![i]!, y);
		line.hi![i] = line.hi![i] === null ? y : Math.max(line.hi![i]!, y);
		line.n = n + 1;
		return;
	}
	if (i >= 0 && begin - line.x[i]! > line.gap) breakAt(line, line.x[i]! - line.grain / 2, line.grain);
	line.x.push(at);
	line.y.push(y);
	line.lo!.push(y);
	line.hi!.push(y);
	line.n = 1;
}

/** Adds a live sample at the end; drops what has left the window. */
export function append(line: Line, t: number, v: Scalar, q: number, keepFromS: number): void {
	const x = t / 1e6;
	const last = line.x.length ? line.x[line.x.length - 1]! : -Infinity;
	const kind = severity(q);
	const y = kind === 'bad' ? null : toNumber(v);
	if (line.grain) {
		if (x <= last - line.grain) return;
		if (kind !== 'good') mark(line.spans, q, Math.floor(x / line.grain) * line.grain, x);
		appendBucket(line, x, y);
	} else {
		if (x <= last) return;
		const open = line.spans[line.spans.length - 1];
		if (open && line.y[line.y.length - 1] === null && severity(open.q) === 'bad' && open.to >= last) open.to = x;
		if (kind !== 'good') mark(line.spans, q, x, x);
		if (x - last > line.gap && line.y[line.y.length - 1] !== null && last > -Infinity) breakAt(line, last, line.gap / 3);
		line.x.push(x);
		line.y.push(y);
	}
	let drop = 0;
	while (drop < line.x.length && line.x[drop]! < keepFromS) drop++;
	if (drop > 1000) {
		for (const column of [line.x, line.y, line.lo, line.hi]) column?.splice(0, drop - 1);
		line.spans = line.spans.filter((s) => s.to >= keepFromS);
	}
}

/** The same line as if it had happened `by` seconds later: an earlier period beside this one. */
export function shifted(line: Line, by: number, point: string): Line {
	return { ...line, point, x: line.x.map((x) => x + by), spans: line.spans.map((s) => ({ ...s, from: s.from + by, to: s.to + by })) };
}

export type Column = (number | null | undefined)[];

/** All lines on one axis of time, as uPlot wants them, three columns a line: value, highest, lowest. undefined where a line has no
 * sample, null where it has a gap. */
export function align(lines: Line[]): [number[], ...Column[]] {
	const xs = mergeTimes(lines.map((l) => l.x));
	const out: [number[], ...Column[]] = [xs];
	for (const l of lines) {
		const y: Column = new Array(xs.length);
		const hi: Column = new Array(l.hi ? xs.length : 0);
		const lo: Column = new Array(l.lo ? xs.length : 0);
		let i = 0;
		for (let k = 0; k < xs.length && i < l.x.length; k++) {
			if (l.x[i] !== xs[k]) continue;
			y[k] = l.y[i];
			if (l.hi) hi[k] = l.hi[i];
			if (l.lo) lo[k] = l.lo[i];
			while (i < l.x.length && l.x[i] === xs[k]) i++;
		}
		if (!l.hi) hi.length = lo.length = xs.length;
		out.push(y, hi, lo);
	}
	return out;
}

/** Ascending times of all lists, each once. */
function mergeTimes(lists: number[][]): number[] {
	if (lists.length === 1) return lists[0]!;
	const out: number[] = [];
	const at = lists.map(() => 0);
	for (;;) {
		let least = Infinity;
		for (let k = 0; k < lists.length; k++) {
			const x = lists[k]![at[k]!];
			if (x !== undefined && x < least) least = x;
		}
		if (least === Infinity) return out;
		out.push(least);
		for (let k = 0; k < lists.length; k++) while (lists[k]![at[k]!]! <= least) at[k]!++;
	}
}

/** Index of the last sample at or before a time; -1: none. */
export function indexAt(line: Line, xS: number): number {
	let lo = 0;
	let hi = line.x.length;
	while (lo < hi) {
		const mid = (lo + hi) >> 1;
		if (line.x[mid]! <= xS) lo = mid + 1;
		else hi = mid;
	}
	return lo - 1;
}

/** The value of a line at a time: that of the last sample at or before it (of the nearest bucket); null inside a bad span or a gap. */
export function valueAt(line: Line, xS: number): { value: number | null; q: number; at: number | null } {
	const span = line.spans.find((s) => xS >= s.from && xS < s.to && severity(s.q) === 'bad');
	if (span) return { value: null, q: span.q, at: span.from };
	const i = indexAt(line, line.grain ? xS + line.grain / 2 : xS);
	return i < 0 ? { value: null, q: 0, at: null } : { value: line.y[i] ?? null, q: 0, at: line.x[i]! };
}

/** Lowest, highest and mean of what is drawn between two times; of means, by bucket. */
export function statsOf(line: Line, from: number, to: number): { min: number | null; max: number | null; mean: number | null } {
	let min = Infinity;
	let max = -Infinity;
	let sum = 0;
	let n = 0;
	for (let i = Math.max(0, indexAt(line, from)); i < line.x.length && line.x[i]! <= to; i++) {
		const y = line.y[i];
		if (line.x[i]! < from || y === null || y === undefined) continue;
		min = Math.min(min, line.lo?.[i] ?? y);
		max = Math.max(max, line.hi?.[i] ?? y);
		sum += y;
		n++;
	}
	return n ? { min, max, mean: sum / n } : { min: null, max: null, mean: null };
}

export interface Band {
	from: number;
	to: number;
	/** null: not one value, several within a pixel. */
	value: number | null;
}

/** A state point as bands of one value each; time without samples and bad time are left out. */
export function bandsOf(line: Line, from: number, to: number): Band[] {
	const out: Band[] = [];
	for (let i = Math.max(0, indexAt(line, from)); i < line.x.length; i++) {
		const begin = line.x[i]!;
		if (begin > to) break;
		const y = line.y[i];
		if (y === null || y === undefined) continue;
		const end = line.x[i + 1] ?? Math.min(to, line.grain ? begin + line.grain : begin + Math.min(line.gap, to - begin));
		const value = line.lo && line.lo[i] !== line.hi![i] ? null : y;
		const last = out[out.length - 1];
		if (last && last.value === value && begin <= last.to + 1e-9) last.to = end;
		else out.push({ from: begin, to: end, value });
	}
	return out;
}
