import { describe, expect, it } from 'vitest';
import type { QuerySeries } from '../src/api/contract';
import { parseRange, planAxes } from '../src/trend/axes';
import { align, append, bandsOf, fromBuckets, fromGroup, fromRaw, gapOf, groupStep, PER_PIXEL, shifted, statsOf, stepFor, valueAt } from '../src/trend/data';
import { bookOf, tableOf } from '../src/trend/export';
import type { PlotPoint } from '../src/trend/Plot';
import { fromRecord, readAddress, toRecord, writeAddress, type TrendState } from '../src/trend/state';
import { daysOf, durationS, durationText, keyed, zoomed } from '../src/trend/window';

const BAD = 0x80310000;
const UNCERTAIN = 0x40900000;
const raw = (t: number[], v: (number | null)[], q?: number[]): QuerySeries => ({ point: 'p', type: 'f64', t: t.map((x) => x * 1e6), v, q });
const agg = (t: number[], min: (number | null)[], max: (number | null)[], q?: number[], count?: number[]): QuerySeries =>
	({ point: 'p', type: 'f64', t: t.map((x) => x * 1e6), min, max, avg: min.map((m, i) => (m === null ? null : (m + max[i]!) / 2)), last: max, q, count });
const POLLED = { period: 1, held: true };

describe('samples as they were', () => {
	it('stand as they are', () => {
		expect(fromRaw(raw([1, 2, 3], [10, 11, 12]), 4, POLLED)).toEqual({ point: 'p', x: [1, 2, 3], y: [10, 11, 12], spans: [], grain: 0, gap: 3 });
	});
	it('make bad quality a gap and a span with its reason', () => {
		const line = fromRaw(raw([1, 2, 3, 4], [10, null, null, 13], [0, BAD, BAD, 0]), 5, POLLED);
		expect(line.y).toEqual([10, null, null, 13]);
		expect(line.spans).toEqual([{ from: 2, to: 4, q: BAD }]);
	});
	it('begin another span when the reason changes and keep an open one to the end', () => {
		expect(fromRaw(raw([1, 2, 3], [1, null, null], [0, BAD, 0x800a0000]), 9).spans).toEqual([{ from: 2, to: 3, q: BAD }, { from: 3, to: 9, q: 0x800a0000 }]);
	});
	it('never draw a stale value as good: a bad sample with a value is a gap too', () => {
		expect(fromRaw(raw([1], [5], [BAD]), 2).y).toEqual([null]);
	});
	it('draw an uncertain value and mark its time', () => {
		const line = fromRaw(raw([1, 2, 3], [1, 2, 3], [0, UNCERTAIN, 0]), 4, POLLED);
		expect([line.y, line.spans]).toEqual([[1, 2, 3], [{ from: 2, to: 3, q: UNCERTAIN }]]);
	});
	it('have a gap where nobody measured, not a straight line', () => {
		const line = fromRaw(raw([1, 2, 3, 60, 61], [1, 1, 1, 9, 9]), 62, POLLED);
		expect([line.x, line.y]).toEqual([[1, 2, 3, 4, 60, 61], [1, 1, 1, null, 9, 9]]);
		expect(valueAt(line, 30).value).toBe(null);
	});
	it('hold states that come only when they change', () => {
		expect(fromRaw(raw([1, 2, 500], [0, 1, 0]), 600, { held: true }).y).toEqual([0, 1, 0]);
	});
	it('know their usual distance when nobody reads them in a period', () => {
		expect([gapOf([0, 10, 20, 30, 300], undefined, false), gapOf([0, 10, 20], undefined, true), gapOf([0, 10], undefined, false), gapOf([], 10, false)]).toEqual([50, Infinity, Infinity, 30]);
	});
});

describe('buckets', () => {
	it('keep lowest, highest and mean, centred', () => {
		const line = fromBuckets(agg([0, 60], [1, 5], [9, 6], undefined, [60, 60]), 60, POLLED);
		expect([line.x, line.y, line.lo, line.hi]).toEqual([[30, 90], [5, 5.5], [1, 5], [9, 6]]);
	});
	it('join bad ones to one span and end it where good ones begin', () => {
		expect(fromBuckets(agg([0, 60, 120, 180], [1, null, null, 2], [1, null, null, 2], [0, BAD, BAD, 0]), 60, POLLED).spans).toEqual([{ from: 60, to: 180, q: BAD }]);
	});
	it('do not count a value that was only held: without samples there is a gap', () => {
		const line = fromBuckets(agg([0, 60, 120, 180, 240], [1, 1, 1, 1, 2], [1, 1, 1, 1, 2], undefined, [60, 0, 0, 0, 60]), 60, POLLED);
		expect([line.x, line.y]).toEqual([[30, 60, 270], [1, null, 2]]);
	});
	it('narrower than the period are no gaps', () => {
		const line = fromBuckets(agg([0, 10, 20, 30], [1, 1, 2, 2], [1, 1, 2, 2], undefined, [1, 0, 1, 0]), 10, { period: 20, held: false });
		expect(line.y).toEqual([1, 2]);
	});
	it('take live samples into the last one, and begin another', () => {
		const line = fromBuckets(agg([0], [1], [3], undefined, [2]), 10, POLLED);
		append(line, 5e6, 8, 0, 0);
		append(line, 11e6, 4, 0, 0);
		expect([line.x, line.hi, line.lo]).toEqual([[5, 15], [8, 4], [1, 4]]);
		expect(line.y[0]).toBe(4);      // the mean of 2, 2 and 8
	});
});

describe('live values', () => {
	it('go to the end, not twice, and open and close spans', () => {
		const line = fromRaw(raw([1], [10]), 1, POLLED);
		append(line, 2e6, 11, 0, 0);
		append(line, 2e6, 11, 0, 0);
		append(line, 3e6, null, BAD, 0);
		append(line, 4e6, null, BAD, 0);
		append(line, 5e6, 12, 0, 0);
		expect(line.x).toEqual([1, 2, 3, 4, 5]);
		expect(line.y).toEqual([10, 11, null, null, 12]);
		expect(line.spans).toEqual([{ from: 3, to: 5, q: BAD }]);
	});
	it('leave a gap for the time without them', () => {
		const line = fromRaw(raw([1], [10]), 1, POLLED);
		append(line, 40e6, 11, 0, 0);
		expect([line.x, line.y]).toEqual([[1, 2, 40], [10, null, 11]]);
	});
});

describe('the plot', () => {
	it('aligns lines of different times without inventing gaps', () => {
		const a = fromRaw(raw([1, 3], [1, 3]), 4);
		const b = fromRaw(raw([2, 3], [20, null], [0, BAD]), 4);
		const [x, y1, , , y2] = align([a, b]);
		expect([x, y1, y2]).toEqual([[1, 2, 3], [1, undefined, 3], [undefined, 20, null]]);
	});
	it('reads values at the cursor: the last one held, the reason inside a span', () => {
		const line = fromRaw(raw([1, 5, 8], [10, null, 12], [0, BAD, 0]), 9);
		expect(valueAt(line, 4.9)).toEqual({ value: 10, q: 0, at: 1 });
		expect(valueAt(line, 6)).toEqual({ value: null, q: BAD, at: 5 });
		expect(valueAt(line, 0.5)).toEqual({ value: null, q: 0, at: null });
	});
	it('never asks for more than two samples a pixel', () => {
		const w = 1000;
		for (const [span, period] of [[60, 0.01], [900, 1], [900, 0.2], [8 * 3600, 1], [86400, 1], [30 * 86400, 60], [365 * 86400, 0.1]] as const) {
			const step = stepFor(span, w, period);
			expect(span / (step || period), `${span} s at ${period} s`).toBeLessThanOrEqual(PER_PIXEL * w);
		}
		expect([stepFor(900, 1000), stepFor(8 * 3600, 1000), stepFor(86400, 1000), stepFor(30 * 86400, 1000)]).toEqual([0, 30, 120, 3600]);
	});
	it('gives each unit an axis, left and right in turn, and others as chosen', () => {
		const points = [{ id: 'a', unit: '°C' }, { id: 'b', unit: 'A' }, { id: 'c', unit: '°C' }, { id: 'd' }];
		expect(planAxes(points).map((s) => [s.name, s.side, s.points])).toEqual([['°C', 3, ['a', 'c']], ['A', 1, ['b']], ['', 3, ['d']]]);
		const own = planAxes(points, { c: 'right' }, { right: '-10..40', A: 'x' });
		expect(own.map((s) => [s.name, s.unit, s.points, s.range])).toEqual([['°C', '°C', ['a'], undefined], ['A', 'A', ['b'], undefined], ['right', '°C', ['c'], [-10, 40]], ['', '', ['d'], undefined]]);
	});
	it('takes only a range that is one', () => {
		expect([parseRange('0..600'), parseRange('-1.5 .. 2e3'), parseRange('600..0'), parseRange('1-2'), parseRange('')]).toEqual([[0, 600], [-1.5, 2000], undefined, undefined, undefined]);
	});
	it('shows a state point as one band a state, several in a bucket as mixed, and nothing over gaps', () => {
		expect(bandsOf(fromRaw(raw([0, 1, 2, 60, 61], [0, 0, 1, 1, 0]), 62, POLLED), 0, 62)).toEqual([{ from: 0, to: 2, value: 0 }, { from: 2, to: 3, value: 1 }, { from: 60, to: 61, value: 1 }, { from: 61, to: 62, value: 0 }]);
		const wide = fromBuckets({ ...agg([0, 60, 120], [0, 0, 1], [0, 1, 1], undefined, [60, 60, 60]) }, 60, POLLED, true);
		expect(bandsOf(wide, 0, 180)).toEqual([{ from: 0, to: 60, value: 0 }, { from: 60, to: 120, value: null }, { from: 120, to: 180, value: 1 }]);
	});
	it('moves an earlier period beside the present one', () => {
		const l = shifted(fromRaw(raw([1, 2], [5, null], [0, BAD]), 3), 100, 'q');
		expect([l.point, l.x, l.spans[0]]).toEqual(['q', [101, 102], { from: 102, to: 103, q: BAD }]);
	});
	it('says lowest, highest and mean of what it shows', () => {
		expect(statsOf(fromRaw(raw([0, 1, 2, 3], [1, 2, 6, 100]), 4, POLLED), 0, 2)).toEqual({ min: 1, max: 6, mean: 3 });
		expect(statsOf(fromBuckets(agg([0, 60], [1, 5], [9, 6], undefined, [60, 60]), 60, POLLED), 0, 120)).toEqual({ min: 1, max: 9, mean: 5.25 });
		expect(statsOf(fromRaw(raw([], []), 4), 0, 2)).toEqual({ min: null, max: null, mean: null });
	});
});

describe('the window', () => {
	it('follows keys', () => {
		const w = { from: 0, to: 100 };
		expect([keyed('ArrowLeft', w), keyed('PageDown', w), keyed('+', w), keyed('x', w)]).toEqual([{ from: -10, to: 90 }, { from: 100, to: 200 }, { from: 15, to: 85 }, undefined]);
		expect(zoomed(w, 2, 0)).toEqual({ from: 0, to: 200 });
	});
	it('knows whole days; weeks begin on Monday', () => {
		const wednesday = new Date(2026, 10, 25, 13, 5).getTime() / 1000;
		const text = (w: { from: number; to: number }): string => [w.from, w.to].map((s) => new Date(s * 1000).toLocaleDateString('sv-SE')).join(' ');
		expect([text(daysOf('today', wednesday)), text(daysOf('this_week', wednesday)), text(daysOf('last_month', wednesday))]).toEqual(['2026-11-25 2026-11-26', '2026-11-23 2026-11-30', '2026-10-01 2026-11-01']);
	});
	it('writes durations as the server does', () => {
		expect([durationText(28800), durationText(5400), durationText(90), durationText(0.5), durationText(0)]).toEqual(['8h', '1h30m', '1m30s', '500ms', '0s']);
		expect(['8h', '1h30m', '500ms', '0s', ''].map(durationS)).toEqual([28800, 5400, 0.5, 0, 0]);
	});
});

describe('what a trend shows', () => {
	const state: TrendState = { ids: ['a', 'b'], axes: { b: '轴 2' }, hidden: ['a'], length: 28800, shift: 86400, ranges: { kPa: '0..600' }, group: 'none', across: 'mean', labels: [], saved: 'x' };
	it('keeps its groups in the address and in a record', () => {
		const grouped: TrendState = { ...state, axes: {}, ids: Array.from({ length: 20 }, (_, i) => `p${i}`), hidden: ['group:energy'], group: 'label', across: 'sum', labels: ['l1', 'l2'] };
		const s = new URLSearchParams();
		for (const [k, v] of Object.entries(writeAddress(grouped))) if (v) s.set(k, v);
		expect(s.get('group')).toBe('label.sum');
		expect(readAddress(new URLSearchParams(s.toString()), [])).toEqual({ ...grouped, fixed: undefined });
		expect(fromRecord({ id: 'x', rev: 1, name: 'n', ...toRecord({ ...grouped, hidden: [] }, {}) })).toEqual({ ...grouped, hidden: [], fixed: undefined });
		/* Of one's last points nothing is added where data labels choose; what is not known is no group. */
		expect(readAddress(new URLSearchParams('group=unit.sum&labels=l1'), ['mine']).ids).toEqual([]);
		expect(readAddress(new URLSearchParams('group=planet.sum&labels=l1'), ['mine'])).toMatchObject({ ids: ['mine'], group: 'none', labels: [] });
	});
	it('draws a group by what its buckets were put together to, with gaps where nobody had a value', () => {
		const line = fromGroup({ point: '', type: 'f64', t: [0, 60e6, 240e6].map((us) => us + 1.8e15), avg: [1, null, 3] }, 60, 'group:x');
		expect(line.x.map((x) => x - 1.8e9)).toEqual([30, 90, 120, 270]);
		expect(line.y).toEqual([1, null, null, 3]);
		expect([line.grain, line.point, line.lo]).toEqual([60, 'group:x', undefined]);
		expect([900, 86400, 30 * 86400].map(groupStep)).toEqual([5, 300, 7200]);
	});
	it('goes through the address unchanged', () => {
		const s = new URLSearchParams();
		for (const [k, v] of Object.entries(writeAddress(state))) if (v) s.set(k, v);
		expect(readAddress(new URLSearchParams(s.toString()), [])).toEqual({ ...state, fixed: undefined });
	});
	it('goes through a record unchanged', () => {
		const r = { id: 'x', rev: 1, name: 'n', ...toRecord(state, { a: '#112233' }) };
		expect(r.lines![0]).toEqual({ point: 'a', axis: undefined, color: '#112233', hidden: true });
		expect(fromRecord(r)).toEqual({ ...state, fixed: undefined });
		const fixed = { ...state, fixed: { from: 1000, to: 4600 }, length: 3600 };
		expect(fromRecord({ ...r, ...toRecord(fixed, {}) }).fixed).toEqual(fixed.fixed);
	});
	it('becomes a table of exactly what is drawn', () => {
		const p = (id: string, isState = false): PlotPoint => ({ id, name: id, unit: isState ? undefined : 'kPa', color: '#000000', step: true, isState, stateText: (v) => (v ? 'on' : 'off') });
		const lines = new Map([['a', fromRaw(raw([1, 2, 60], [10, null, 12], [0, BAD, 0]), 61, POLLED)], ['b', fromRaw(raw([2, 60], [1, 0]), 61, { held: true })]]);
		const rows = tableOf([p('a'), p('b', true)], lines, { from: 0, to: 59 }, { time: 'T', mean: 'mean', min: 'min', max: 'max' });
		expect(rows.map((r) => r.slice(1))).toEqual([['a (kPa)', 'b'], ['10', ''], ['', 'on']]);
		const wide = tableOf([p('a')], new Map([['a', fromBuckets(agg([0], [1], [3]), 60, POLLED)]]), { from: 0, to: 60 }, { time: 'T', mean: 'mean', min: 'min', max: 'max' });
		expect(wide.map((r) => r.slice(1))).toEqual([['a (kPa) mean', 'a (kPa) min', 'a (kPa) max'], ['2', '1', '3']]);
	});

	it('asks for a workbook of exactly what is drawn, on the clock of this screen', () => {
		const p = (id: string, faint = false): PlotPoint => ({ id, name: id, color: '#000000', step: true, isState: false, stateText: String, faint });
		const w = { from: 1769846400, to: 1769846460 };
		const zone_minutes = -new Date(w.from * 1000).getTimezoneOffset();
		const seen = { points: ['a'], from: '2026-01-31T08:00:00.000Z', to: '2026-01-31T08:01:00.000Z', zone_minutes };
		expect(bookOf([p('a'), p('a earlier', true)], w, 0, 0)).toEqual(seen);
		expect(bookOf([p('a')], w, 5, 86400)).toEqual({ ...seen, step: '5s', aggregates: ['avg', 'min', 'max'], compare: '86400s' });
	});
});
