/* The sheet without its screen: what a paste, a fill and a step back do, and what is sent. */
import { describe, expect, it } from 'vitest';
import types from '../dev/types.json';
import type { TypeForm } from '../src/form/description';
import { counted, formatTsv, gridColumns, parseTsv, Sheet, widthOf } from '../src/grid/sheet';
import { parseCsv } from '../src/lib/csv';

const point = (types as unknown as TypeForm[]).find((t) => t.name === 'point')!;
const fresh = (n: number): Sheet => {
	const s = new Sheet(gridColumns(point));
	for (let i = 0; i < n; i++)
		s.load(s.columns.map((f) => ({ group: 'fast', device: 'PLC', code: `P-${i}`, address: `HR${2 * i}`, type: 'f32' })[f.name] ?? ''), `id-${i}`, i + 1, { [s.column('group')]: 'g-id', [s.column('device')]: 'd-id' });
	return s;
};
const sent = (s: Sheet): Record<string, string>[] => {
	const [head, ...rows] = parseCsv(s.toCsv(s.changed())).rows;
	return rows.map((r) => Object.fromEntries(head!.cells.map((h, i) => [h, r.cells[i]!])));
};

describe('sheet', () => {
	it('reads and writes the clipboard of a spreadsheet', () => {
		expect(parseTsv('a\tb\r\n"x\ty"\t"say ""hi"""\r\n')).toEqual([['a', 'b'], ['x\ty', 'say "hi"']]);
		expect(parseTsv(formatTsv([['a', 'b\nc'], ['', '"']]))).toEqual([['a', 'b\nc'], ['', '"']]);
		expect(parseTsv('one')).toEqual([['one']]);
	});
	it('counts codes on with their zeros, addresses by the width of the type', () => {
		expect([counted('P-009', 1), counted('HR100', 2), counted('40001', 4), counted('x', 1)]).toEqual(['P-010', 'HR102', '40005', 'x']);
		expect([widthOf('HR1', 'f32'), widthOf('40001', 'u64'), widthOf('HR1', 'i16'), widthOf('C5', 'bool'), widthOf('00001', 'f32')]).toEqual([2, 4, 1, 1, 1]);
	});
	it('pastes over rows and beyond the last, in one step', () => {
		const s = fresh(2);
		const at = s.column('code');
		expect(s.paste(s.rows, 1, at, [['Q-1', 'one'], ['Q-2', 'two'], ['Q-3', 'three']])).toBe(true);
		expect(s.rows.map((r) => r.cells[at])).toEqual(['P-0', 'Q-1', 'Q-2', 'Q-3']);
		expect(s.rows[3]!.cells[s.column('group')]).toBe('fast');
		expect(s.changed().length).toBe(3);
		expect(s.undo() && s.rows.length).toBe(2);
		expect(s.changed()).toEqual([]);
		expect(s.redo() && s.rows.length).toBe(4);
		expect(s.mayRedo).toBe(false);
	});
	it('fills down with the address going on by registers', () => {
		const s = fresh(1);
		s.append(3);
		for (const name of ['type', 'address', 'code', 'unit']) s.fillDown(s.rows, s.column(name));
		expect(s.rows.map((r) => r.cells[s.column('address')])).toEqual(['HR0', 'HR2', 'HR4', 'HR6']);
		expect(s.rows.map((r) => r.cells[s.column('code')])).toEqual(['P-0', 'P-1', 'P-2', 'P-3']);
	});
	it('sends ids of what was not touched, revisions, and what is to go', () => {
		const s = fresh(3);
		s.set([{ row: s.rows[0]!, at: s.column('name'), text: 'new name' }]);
		s.remove([s.rows[2]!]);
		s.append(1);
		expect(s.changed().length).toBe(2);                /* an empty new row is not sent */
		const rows = sent(s);
		expect(rows[0]).toMatchObject({ id: 'id-0', rev: '1', delete: '', name: 'new name', group: 'g-id', device: 'd-id' });
		expect(rows[1]).toMatchObject({ id: 'id-2', rev: '3', delete: 'yes' });
	});
	it('does not let what the platform sets be written, except in new rows', () => {
		const s = fresh(1);
		expect(s.set([{ row: s.rows[0]!, at: s.column('device'), text: 'other' }])).toBe(false);
		s.append(1);
		expect(s.set([{ row: s.rows[1]!, at: s.column('device'), text: 'other' }])).toBe(true);
	});
	it('puts every error of the server into its cell, and forgets it when the cell changes', () => {
		const s = fresh(2);
		s.set([{ row: s.rows[1]!, at: s.column('address'), text: 'zzz' }]);
		s.tell(s.changed(), [{ line: 2, column: 'address', detail: 'wrong' }, { line: 2, column: '', detail: 'row' }, { line: 9, column: 'x', detail: 'nowhere' }]);
		expect(s.rows[1]!.errors).toEqual({ [s.column('address')]: 'wrong', [-1]: 'row' });
		s.set([{ row: s.rows[1]!, at: s.column('address'), text: 'HR9' }]);
		expect(s.rows[1]!.errors).toEqual({ [-1]: 'row' });
	});
	it('shows all rows but new ones that were deleted, and those a filter lets through', () => {
		const s = fresh(3);
		expect(s.seen([])).toBe(s.rows);
		s.append(2);
		s.remove([s.rows[4]!, s.rows[0]!]);
		expect(s.seen([]).length).toBe(4);                 /* what the server has stays, crossed out */
		expect(s.seen([[s.column('code'), 'p-2']]).map((r) => r.id)).toEqual(['id-2']);
		expect(s.undo() && s.undo() && s.seen([])).toBe(s.rows);
		expect(s.rows[0]!.cells).toBe(s.rows[0]!.was);
		s.set([{ row: s.rows[0]!, at: s.column('name'), text: 'other' }]);
		expect(s.rows[0]!.was![s.column('name')]).toBe('');
	});

	it('takes a list of tens of thousands', { timeout: 120_000 }, () => {
		const s = fresh(20_000);
		s.set(s.rows.map((row) => ({ row, at: s.column('unit'), text: 'bar' })));
		expect(s.changed().length).toBe(20_000);
		expect(s.undo() && s.changed().length).toBe(0);
	});
});
