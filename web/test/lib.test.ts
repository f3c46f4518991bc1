import { describe, expect, it } from 'vitest';
import type { Device, Place } from '../src/api/contract';
import { auditChanges, auditName, auditRecords } from '../src/lib/audit';
import { ageOf, formatBytes, formatCount, formatNumber, formatValue, withUnit } from '../src/lib/format';
import { healthOf, linkClass, linkRow, withSums } from '../src/lib/links';
import { filterTree, pathTo, plantTree } from '../src/lib/tree';

const place = (id: string, parent?: string): Place => ({ id, rev: 1, code: id, level: 'site', parent });
const device = (id: string, at?: string): Device => ({ id, rev: 1, code: id, connection: 'c', place: at });

describe('numbers on the screen', () => {
	it('show f32 without its noise', () => {
		expect(formatNumber(Math.fround(23.1), undefined, 'f32')).toBe('23.1');
	});
	it('keep decimals when the point says so', () => {
		expect([formatNumber(5, 2), formatNumber(0.1 + 0.2), formatNumber(1e12), formatNumber(0.00001234)]).toEqual(['5.00', '0.3', '1000000000000', '1.234e-5']);
	});
	it('keep the end of long counters', () => {
		expect([formatNumber(1795413714607296), formatNumber(1234567890.125), formatNumber(1234567.25), formatNumber(1.5e15 + 0.5), formatNumber(2 ** 60)]).toEqual(
			['1795413714607296', '1234567890.125', '1234567.25', '1.5e+15', '1.152922e+18']);
	});
	it('show states by their text and booleans as 0 and 1', () => {
		expect([formatValue(1, { states: { 1: '运行' } }), formatValue(true), formatValue(null), formatValue('NaN')]).toEqual(['1 · 运行', '1', '–', 'NaN']);
	});
	it('put units after a thin space', () => {
		expect([withUnit('5', '°C'), withUnit('–', '°C'), formatBytes(1536)]).toEqual(['5\u2009°C', '–', '1.5\u2009KB']);
		expect(formatCount(1234567)).toBe('1,234,567');
	});
	it('give ages in one unit', () => {
		expect([ageOf(-5), ageOf(59999), ageOf(60000), ageOf(7.2e6), ageOf(2e8)]).toEqual([{ n: 0, unit: 's' }, { n: 59, unit: 's' }, { n: 1, unit: 'min' }, { n: 2, unit: 'h' }, { n: 2, unit: 'd' }]);
	});
});

describe('the tree of places and devices', () => {
	const tree = plantTree([place('a'), place('b', 'a'), place('lost', 'gone'), place('x', 'y'), place('y', 'x')], [device('d2', 'b'), device('d10', 'b'), device('free')], 'none');
	it('hangs devices into places and counts those below', () => {
		expect(pathTo(tree, 'd2').map((n) => n.key)).toEqual(['a', 'b', 'd2']);
		expect(tree.find((n) => n.key === 'a')!.devices).toEqual(['d2', 'd10']);
	});
	it('loses nothing: without place, without parent, in a loop', () => {
		expect(tree.map((n) => n.key).sort()).toEqual(['a', 'lost', 'unplaced', 'x', 'y']);
	});
	it('finds by text and keeps the way there', () => {
		expect(filterTree(tree, 'D10').map((n) => n.children[0]!.children.map((c) => c.key))).toEqual([['d10']]);
	});
});

describe('state of links', () => {
	it('reads the figures of the engine', () => {
		expect(linkRow({ id: 'g', kind: 'group', state: 'late', period_ms: 500, achieved: 0.5, last_us: 12000, missed: 3, points: 9, timeouts: 2, failed: 1, reason: { detail: 'x' } }))
			.toMatchObject({ wanted_hz: 2, rate_hz: 1, cycle_ms: 12, missed: 3, points: 9, errors: 3, reason: 'x' });
	});
	it('adds scan groups up to devices and to the plant', () => {
		const rows = withSums([
			{ kind: 'device', id: 'a', state: 'up' }, { kind: 'device', id: 'b', state: 'silent' }, { kind: 'device', id: 'c', state: 'disabled' },
			{ kind: 'group', id: 'g1', parent: 'a', state: 'up', points: 5, points_bad: 1, missed: 2 }, { kind: 'group', id: 'g2', parent: 'a', state: 'up', points: 2, missed: 1 },
			{ kind: 'group', id: 'g3', parent: 'b', state: 'silent', points: 4, points_bad: 4 },
		]);
		expect(withSums([{ kind: 'connection', id: 'c', state: 'down', reason: 'no route' }, { kind: 'device', id: 'd', parent: 'c', state: 'waiting' }])[1]).toMatchObject({ reason: 'no route' });
		expect(rows[0]).toMatchObject({ points: 7, points_bad: 1, missed: 3 });
		const whole = withSums([
			{ kind: 'connection', id: 'c', state: 'up' }, { kind: 'device', id: 'd', parent: 'c', state: 'up' },
			{ kind: 'group', id: 'g', parent: 'd', state: 'up', points: 10, points_bad: 2, wanted_hz: 5, rate_hz: 4 }, { kind: 'group', id: 'h', parent: 'd', state: 'up', points: 1, wanted_hz: 1, rate_hz: 1 },
		]);
		expect(whole[0]).toMatchObject({ points: 11, points_bad: 2, values_asked: 51, values_reached: 41 });
		expect(whole[2]).toMatchObject({ values_asked: 50, values_reached: 40 });
		expect(healthOf(rows)).toEqual({ devices: { total: 3, online: 1, offline: 1, disabled: 1 }, points: { total: 11, good: 6, bad: 5 } });
	});
	it('counts as bad only what does not collect', () => {
		expect((['up', 'idle', 'disabled', 'silent', 'down', 'partly'] as const).map(linkClass)).toEqual(['running', 'running', 'off', 'bad', 'bad', 'wait']);
	});
});

describe('audit entries', () => {
	it('call a job by its title in the language of the reader, a record by its code', () => {
		const made = (noun: string, after: Record<string, unknown>) => ({ id: '1', seq: 1, time: '', deed: `${noun}.create`, noun, changes: { changes: [{ noun, op: 'create', after }] } });
		const job = made('job', { name: 'me', title: 'Export of history', title_zh: '导出历史数据' });
		expect([auditName(job, 'zh'), auditName(job, 'en'), auditName(made('point', { code: 'PT-1', name: 'Pressure' }), 'zh')]).toEqual(['导出历史数据', 'Export of history', 'PT-1']);
	});
	it('show old and new of what changed only', () => {
		const several = { id: '2', seq: 2, time: '', deed: 'point.import', changes: { changes: [{ noun: 'point', op: 'create', after: { code: 'A' } }, { noun: 'point', op: 'create', after: { code: 'B' } }], not_listed: 3 } };
		expect(auditRecords(several)).toEqual({ n: 5, names: ['A', 'B'] });
		expect(auditChanges({ id: '1', seq: 1, time: '', deed: 'point.update', changes: { changes: [{ noun: 'point', op: 'update', before: { a: 1, b: 2 }, after: { a: 1, b: 3 } }, { import: '3 rows' }] } }))
			.toEqual([{ field: 'b', old: 2, new: 3 }, { field: 'import', new: '3 rows' }]);
	});
});
