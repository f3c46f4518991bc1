import { describe, expect, it } from 'vitest';
import types from '../dev/types.json';
import type { TypeForm } from '../src/form/description';
import { formatCsv, formatLines, guessSeparator, parseCsv } from '../src/lib/csv';
import { columnIndex, fieldOf } from '../src/lib/points-csv';

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
});

describe('list of points', () => {
	it('finds fields by name and by label in both languages', () => {
		expect(['code', 'Code', ' 编码', '工程单位', 'Engineering unit', '颜色'].map((h) => fieldOf(point, h))).toEqual(['code', 'code', 'code', 'unit', 'unit', undefined]);
	});
	it('keeps line numbers when rows are written again', () => {
		for (const text of ['编码\t地址\nTI-1\t40001\n\nTI-2\t40003\n', 'code,description,address\nA,"one\ntwo",1\nB,x,2\n', '\n\ntitle,\ncode,address\nA,1'])
			expect(parseCsv(formatLines(parseCsv(text).rows)).rows).toEqual(parseCsv(text).rows);
	});
	it('finds the column an error names', () => {
		const head = ['位号', '地址'];
		expect(['address', '地址', 'code', 'unit', null].map((c) => columnIndex(head, ['code', 'address'], c))).toEqual([1, 1, 0, -1, -1]);
	});
});
