/* From rows of an answer to lines over time: the first time column, each number column, and a line for each word of a text column beside them. */
import type { SqlAnswer } from '../api/sql';

export interface ChartLine {
	name: string;
	y: (number | null)[];
}
export interface Chart {
	/** s */
	x: number[];
	lines: ChartLine[];
	/** There were more than are drawn. */
	cut: boolean;
}
const LINES_MAX = 12;
const NUMBER = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL.*)$/;
const TIME = /^(TIMESTAMP.*|DATE)$/;

const seconds = (v: unknown): number => (typeof v === 'string' ? Date.parse(v) / 1000 : NaN);
const number = (v: unknown): number | null => {
	const n = typeof v === 'number' ? v : typeof v === 'string' && v !== '' ? Number(v) : NaN;
	return Number.isFinite(n) ? n : null;
};

/** null: it has no time column, or nothing to draw over it. */
export function chartOf(a: SqlAnswer): Chart | null {
	const time = a.columns.findIndex((c) => TIME.test(c.type));
	const numbers = a.columns.flatMap((c, i) => (NUMBER.test(c.type) && c.name !== 'quality' ? [i] : []));
	const word = a.columns.findIndex((c) => c.type === 'VARCHAR' || c.type === 'UUID');
	if (time < 0 || !numbers.length || a.rows.length < 2) return null;
	const x = [...new Set(a.rows.map((r) => seconds(r[time])).filter((s) => !Number.isNaN(s)))].sort((p, q) => p - q);
	const at = new Map(x.map((s, i) => [s, i]));
	const lines = new Map<string, ChartLine>();
	let cut = false;
	for (const row of a.rows) {
		const i = at.get(seconds(row[time]));
		if (i === undefined) continue;
		for (const n of numbers) {
			const of = word >= 0 ? String(row[word] ?? '') : '';
			const name = !of ? a.columns[n]!.name : numbers.length > 1 ? `${of} · ${a.columns[n]!.name}` : of;
			let line = lines.get(name);
			if (!line) {
				if (lines.size === LINES_MAX) {
					cut = true;
					continue;
				}
				lines.set(name, line = { name, y: new Array<number | null>(x.length).fill(null) });
			}
			line.y[i] = number(row[n]);
		}
	}
	return x.length > 1 ? { x, lines: [...lines.values()], cut } : null;
}
