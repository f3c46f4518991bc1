import { describe, expect, it } from 'vitest';
import type { QuerySeries } from '../src/api/contract';
import { align, append, fromBuckets, fromRaw, buckets, scalesOf, stepFor, valueAt } from '../src/trend/data';

const BAD = 0x80310000;
const raw = (t: number[], v: (number | null)[], q?: number[]): QuerySeries => ({ point: 'p', type: 'f64', t: t.map((x) => x * 1e6), v, q });
const agg = (t: number[], min: (number | null)[], max: (number | null)[], q?: number[]): QuerySeries => ({ point: 'p', type: 'f64', t: t.map((x) => x * 1e6), min, max, q });

describe('trend data', () => {
	it('takes raw samples as they are', () => {
		expect(fromRaw(raw([1, 2, 3], [10, 11, 12]), 4)).toEqual({ point: 'p', x: [1, 2, 3], y: [10, 11, 12], spans: [] });
	});
	it('makes bad quality a gap and a span with its reason', () => {
		const line = fromRaw(raw([1, 2, 3, 4], [10, null, null, 13], [0, BAD, BAD, 0]), 5);
		expect(line.y).toEqual([10, null, null, 13]);
		expect(line.spans).toEqual([{ from: 2, to: 4, q: BAD }]);
	});
	it('begins another span when the reason changes and keeps an open one to the end', () => {
		const line = fromRaw(raw([1, 2, 3], [1, null, null], [0, BAD, 0x800a0000]), 9);
		expect(line.spans).toEqual([{ from: 2, to: 3, q: BAD }, { from: 3, to: 9, q: 0x800a0000 }]);
	});
	it('never draws a stale value as good: a bad sample with a value is a gap too', () => {
		expect(fromRaw(raw([1], [5], [BAD]), 2).y).toEqual([null]);
	});
	it('keeps the lowest and highest of every bucket', () => {
		const b = buckets(agg([0, 60], [1, 5], [9, 6]));
		const line = fromBuckets(b, 60);
		expect(line.x).toEqual([0, 30, 60, 90]);
		expect(Math.min(...(line.y as number[]))).toBe(1);
		expect(Math.max(...(line.y as number[]))).toBe(9);
	});
	it('joins bad buckets to one span and ends it where good ones begin', () => {
		const b = buckets(agg([0, 60, 120, 180], [1, null, null, 2], [1, null, null, 2], [0, BAD, BAD, 0]));
		expect(fromBuckets(b, 60).spans).toEqual([{ from: 60, to: 180, q: BAD }]);
	});
	it('puts live samples at the end, not twice, and opens and closes spans', () => {
		const line = fromRaw(raw([1], [10]), 1);
		append(line, 2e6, 11, 0, 0);
		append(line, 2e6, 11, 0, 0);
		append(line, 3e6, null, BAD, 0);
		append(line, 4e6, null, BAD, 0);
		append(line, 5e6, 12, 0, 0);
		expect(line.x).toEqual([1, 2, 3, 4, 5]);
		expect(line.y).toEqual([10, 11, null, null, 12]);
		expect(line.spans).toEqual([{ from: 3, to: 5, q: BAD }]);
	});
	it('aligns lines of different times without inventing gaps', () => {
		const a = fromRaw(raw([1, 3], [1, 3]), 4);
		const b = fromRaw(raw([2, 3], [20, null], [0, BAD]), 4);
		expect(align([a, b])).toEqual([[1, 2, 3], [1, undefined, 3], [undefined, 20, null]]);
	});
	it('reads values at the cursor: the last one held, the reason inside a span', () => {
		const line = fromRaw(raw([1, 5, 8], [10, null, 12], [0, BAD, 0]), 9);
		expect(valueAt(line, 4.9)).toEqual({ value: 10, q: 0, at: 1 });
		expect(valueAt(line, 6)).toEqual({ value: null, q: BAD, at: 5 });
		expect(valueAt(line, 0.5)).toEqual({ value: null, q: 0, at: null });
	});
	it('chooses buckets of whole steps, about one a pixel', () => {
		expect([stepFor(900, 1000), stepFor(8 * 3600, 1000), stepFor(86400, 1000), stepFor(30 * 86400, 1000)]).toEqual([1, 30, 120, 3600]);
	});
	it('gives each unit an axis, left and right in turn', () => {
		expect(scalesOf([{ id: 'a', unit: '°C' }, { id: 'b', unit: 'A' }, { id: 'c', unit: '°C' }, { id: 'd' }]).map((s) => [s.unit, s.side, s.points])).toEqual([['°C', 3, ['a', 'c']], ['A', 1, ['b']], ['', 3, ['d']]]);
	});
});
