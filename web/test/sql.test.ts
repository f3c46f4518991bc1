/* Where completion finds itself, and what of an answer can be drawn. */
import { describe, expect, it } from 'vitest';
import { chartOf } from '../src/sql/chart';
import { columnsNamed, examples, placeAt, quoted } from '../src/sql/complete';
import type { SqlTables } from '../src/api/sql';

describe('the place of the cursor', () => {
	it('is a point inside the first argument of a function, also in a list', () => {
		expect(placeAt("SELECT * FROM ts('plant/l")).toEqual({ kind: 'point', word: 'plant/l' });
		expect(placeAt("SELECT * FROM LAST ( ['a', 'b")).toEqual({ kind: 'point', word: 'b' });
		expect(placeAt("SELECT * FROM rollup('")).toEqual({ kind: 'point', word: '' });
	});
	it('is no point in the other arguments', () => {
		expect(placeAt("SELECT * FROM ts('a', 'now-")).toBeNull();
		expect(placeAt("SELECT 'a")).toBeNull();
	});
	it('is a table behind FROM and JOIN', () => {
		expect(placeAt('SELECT 1 FROM po')).toEqual({ kind: 'table', word: 'po' });
		expect(placeAt('FROM points p JOIN ')).toEqual({ kind: 'table', word: '' });
	});
});

it('names are quoted when SQL would read them as something else', () => {
	expect(quoted('path')).toBe('path');
	expect(quoted('group')).toBe('"group"');
	expect(quoted('a"b')).toBe('"a""b"');
});

it('columns are those of the functions that stand in the statement', () => {
	const known: SqlTables = { available: true, tables: [], functions: [{ name: 'ts', arguments: '', columns: [{ name: 'time', type: 'T' }, { name: 'value', type: 'V' }] },
		{ name: 'last', arguments: '', columns: [{ name: 'other', type: 'V' }] }] };
	expect(columnsNamed(known, "SELECT  FROM ts('a')").map((c) => c.name)).toEqual(['time', 'value']);
	expect(columnsNamed(known, 'SELECT 1')).toEqual([]);
});

it('an example has a point with an apostrophe in quotes', () => {
	expect(examples("a'b/c").find((e) => e.key === 'hourly')!.sql).toContain("'a''b/c'");
});

describe('a chart', () => {
	const columns = [{ name: 'time', type: 'TIMESTAMP WITH TIME ZONE' }, { name: 'point', type: 'VARCHAR' }, { name: 'v', type: 'DOUBLE' }];
	it('has a line for each word, with holes where a time lacks it', () => {
		const c = chartOf({ columns, rows: [['2026-01-01T00:00:00Z', 'a', 1], ['2026-01-01T00:00:01Z', 'b', '3'], ['2026-01-01T00:00:01Z', 'a', null]], count: 3, truncated: false })!;
		expect(c.x).toEqual([1767225600, 1767225601]);
		expect(c.lines).toEqual([{ name: 'a', y: [1, null] }, { name: 'b', y: [null, 3] }]);
	});
	it('is none without a time, without a number, or with one row', () => {
		expect(chartOf({ columns: columns.slice(1), rows: [['a', 1], ['b', 2]], count: 2, truncated: false })).toBeNull();
		expect(chartOf({ columns: columns.slice(0, 2), rows: [['2026-01-01T00:00:00Z', 'a'], ['2026-01-01T00:00:01Z', 'a']], count: 2, truncated: false })).toBeNull();
		expect(chartOf({ columns, rows: [['2026-01-01T00:00:00Z', 'a', 1]], count: 1, truncated: false })).toBeNull();
	});
	it('draws twelve lines and says that there were more', () => {
		const rows = Array.from({ length: 40 }, (_, i) => [`2026-01-01T00:00:${i < 20 ? '00' : '01'}Z`, `p${i % 20}`, i]);
		const c = chartOf({ columns, rows, count: 40, truncated: false })!;
		expect([c.lines.length, c.cut]).toEqual([12, true]);
	});
});
