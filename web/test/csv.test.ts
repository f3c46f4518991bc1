import { describe, expect, it } from 'vitest';
import types from '../dev/types.json';
import type { TypeForm } from '../src/form/description';
import { decodeText, formatCsv, guessSeparator, parseCsv } from '../src/lib/csv';
import { columnIndex, fieldOf, template, withColumns } from '../src/lib/points-csv';

const point = (types as unknown as TypeForm[]).find((t) => t.name === 'point')!;
const cells = (s: string): string[][] => parseCsv(s).rows.map((r) => r.cells);

describe('csv', () => {
	/* The examples are those of RFC 4180, section 2. */
	it('reads records with and without a last line break', () => {
		expect(cells('aaa,bbb,ccc\r\nzzz,yyy,xxx\r\n')).toEqual([['aaa', 'bbb', 'ccc'], ['zzz', 'yyy', 'xxx']]);
		expect(cells('aaa,bbb,ccc\r\nzzz,yyy,xxx')).toEqual([['aaa', 'bbb', 'ccc'], ['zzz', 'yyy', 'xxx']]);
	});
	it('reads quotes, line breaks and doubled quotes inside fields', () => {
		expect(cells('"aaa","b \r\nbb","ccc"\r\nzzz,yyy,xxx')).toEqual([['aaa', 'b \r\nbb', 'ccc'], ['zzz', 'yyy', 'xxx']]);
		expect(cells('"aaa","b""bb","ccc"')).toEqual([['aaa', 'b"bb', 'ccc']]);
	});
	it('knows the line where each row begins', () => {
		expect(parseCsv('a,b\n"x\ny",2\n\n3,4').rows.map((r) => r.line)).toEqual([1, 2, 5]);
	});
	it('sees what a spreadsheet puts on the clipboard', () => {
		expect(guessSeparator('编码\t名称\t地址\nTI-1\t温度\t40001')).toBe('\t');
		expect(guessSeparator('a;b;c')).toBe(';');
		expect(cells('\ufeff编码\t地址\nTI-1\t40001')).toEqual([['编码', '地址'], ['TI-1', '40001']]);
	});
	it('writes what it can read again', () => {
		const rows = [['a', 'b,c', 'd"e'], ['f\ng', '', '温度']];
		expect(cells(formatCsv(rows))).toEqual(rows);
	});
	it('reads GB18030 when the bytes are no UTF-8', () => {
		/* 位号 in GB 18030: CE BB BA C5 */
		expect(decodeText(new Uint8Array([0xce, 0xbb, 0xba, 0xc5]))).toEqual({ text: '位号', encoding: 'GB18030' });
		expect(decodeText(new TextEncoder().encode('位号'))).toEqual({ text: '位号', encoding: 'UTF-8' });
	});
});

describe('list of points', () => {
	it('finds fields by name and by label in both languages', () => {
		expect(['code', 'Code', ' 编码', '工程单位', 'Engineering unit', '颜色'].map((h) => fieldOf(point, h))).toEqual(['code', 'code', 'code', 'unit', 'unit', undefined]);
	});
	it('adds settled columns to every row and keeps line numbers', () => {
		const text = '编码\t地址\nTI-1\t40001\n\nTI-2\t40003\n';
		const out = withColumns(text, point, { group: 'g1' });
		expect(cells(out)).toEqual([['编码', '地址', 'group'], ['TI-1', '40001', 'g1'], ['TI-2', '40003', 'g1']]);
		expect(parseCsv(out).rows.map((r) => r.line)).toEqual(parseCsv(text).rows.map((r) => r.line));
	});
	it('keeps line numbers when a cell has line breaks', () => {
		const text = 'code,description,address\nA,"one\ntwo",1\nB,x,2\n';
		const out = withColumns(text, point, { group: 'g' });
		expect(parseCsv(out).rows.map((r) => r.line)).toEqual([1, 2, 4]);
	});
	it('does not touch a column the file has', () => {
		expect(cells(withColumns('编码,采集组,地址\nA,fast,1', point, { group: 'g' }))[1]).toEqual(['A', 'fast', '1']);
	});
	it('finds the column an error names', () => {
		const table = parseCsv('编码,地址\nA,1');
		expect([columnIndex(table, point, 'address'), columnIndex(table, point, '地址'), columnIndex(table, point, 'unit'), columnIndex(table, point, null)]).toEqual([1, 1, -1, -1]);
	});
	it('makes a template whose headings are all known', () => {
		for (const lang of ['zh', 'en'] as const) {
			const head = parseCsv(template(point, lang, [['TI-101']])).rows[0]!.cells;
			expect(head.length).toBeGreaterThan(8);
			expect(head.map((h) => fieldOf(point, h))).not.toContain(undefined);
		}
	});
});
