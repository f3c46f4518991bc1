/* Between which bounds a point's value lives, as far as its record says, and where in them a value is. */
import type { Point } from '../api/contract';

export interface Range {
	min: number;
	max: number;
}
const num = (v: unknown): number | undefined => (typeof v === 'number' && Number.isFinite(v) ? v : undefined);

/** Engineering range, else the limits with some room, else what may be written, else 0 to 100 of a percentage; undefined: not said. */
export function rangeOf(p: Point): Range | undefined {
	const pick = (a: unknown, b: unknown): Range | undefined => {
		const min = num(a);
		const max = num(b);
		return min !== undefined && max !== undefined && min < max ? { min, max } : undefined;
	};
	const limits = [p.limit_ll, p.limit_l, p.limit_h, p.limit_hh].flatMap((v) => num(v) ?? []);
	const low = Math.min(...limits);
	const high = Math.max(...limits);
	/* Two limits of one side say nothing of the other end: high ones of what cannot be less than nothing begin at 0, low ones leave it open. */
	const ofHigh = num(p.limit_l) === undefined && num(p.limit_ll) === undefined;
	const ofLow = num(p.limit_h) === undefined && num(p.limit_hh) === undefined;
	const room = (ofHigh ? high : high - low) * 0.15;
	const span = limits.length < 2 || low >= high || ofLow || (ofHigh && low <= 0) ? undefined : { min: ofHigh ? 0 : low - room, max: high + room };
	return pick(p.eng_min, p.eng_max) ?? span ?? pick(p.write_min, p.write_max) ?? (p.unit === '%' ? { min: 0, max: 100 } : undefined);
}

/** 0 … 1, cut at the ends. */
export const shareOf = (v: number, r: Range): number => Math.min(1, Math.max(0, (v - r.min) / (r.max - r.min)));

export type Beyond = '' | 'warn' | 'bad';
export type Limit = 'hh' | 'h' | 'l' | 'll';
/** The outermost limit the value is at or beyond. */
export function limitPassed(v: number, p: Point): Limit | '' {
	const [hh, h, l, ll] = [p.limit_hh, p.limit_h, p.limit_l, p.limit_ll].map(num);
	if (hh !== undefined && v >= hh) return 'hh';
	if (ll !== undefined && v <= ll) return 'll';
	if (h !== undefined && v >= h) return 'h';
	return l !== undefined && v <= l ? 'l' : '';
}
/** Is the value beyond a limit? */
export function beyond(v: number, p: Point): Beyond {
	const limit = limitPassed(v, p);
	return limit === '' ? '' : limit.length > 1 ? 'bad' : 'warn';
}

/** Limits with their place in the range. */
export function ticksOf(p: Point, r: Range): { name: string; at: number; cls: Beyond }[] {
	return (['ll', 'l', 'h', 'hh'] as const).flatMap((k) => {
		const v = num(p[`limit_${k}`]);
		return v === undefined || v < r.min || v > r.max ? [] : [{ name: k.toUpperCase(), at: shareOf(v, r), cls: k.length > 1 ? 'bad' as const : 'warn' as const }];
	});
}
