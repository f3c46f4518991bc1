/*
 * A list of records as a sheet of texts: what was there, what it is now, every step undone and done again. No screen in here.
 *
 * A cell is text, as the server's import reads it. A row knows its record's id and revision; a reference that was not touched goes
 * back as the id it came with, so that codes that stand on several devices are never mistaken.
 */
import { formatCsv } from '../lib/csv';
import { has, type FormField, type TypeForm } from '../form/description';

export interface Row {
	key: number;
	id?: string;
	rev?: number;
	cells: string[];
	/** What the server has; null: the row is new. The same array as the cells until one of them is changed. */
	was: string[] | null;
	/** Ids of references by column. */
	ids?: Record<number, string>;
	gone: boolean;
	/** What the server said of it, by column; -1: of the row. */
	errors?: Record<number, string>;
}
interface Edit { row: Row; at: number; old: string; now: string }
type Step = { edits: Edit[]; added: { row: Row; index: number }[]; gone: Row[] };

const GRID_KINDS = new Set(['bool', 'i32', 'u32', 'i64', 'u64', 'f64', 'dec', 'time', 'date', 'duration', 'enum', 'str', 'ref', 'map', 'json']);

/** What can be written in a cell, and the references a record is found by (a point's device). */
export const gridColumns = (form: TypeForm): FormField[] =>
	form.fields.filter((f) => GRID_KINDS.has(f.kind) && !has(f, 'internal') && !has(f, 'secret') && (!has(f, 'readonly') || f.kind === 'ref'));

/** yes, no: the words of the reader's language, which the server reads, too. */
export function cellText(f: FormField, v: unknown, [yes, no]: [string, string]): string {
	if (v === null || v === undefined) return '';
	if (f.kind === 'bool') return v ? yes : no;
	if (f.kind === 'map' && typeof v === 'object') return Object.entries(v as Record<string, string>).map(([k, x]) => `${k}=${x}`).join(',');
	return typeof v === 'object' ? JSON.stringify(v) : String(v);
}

/** Cells between tabs, rows between line breaks; a cell with either is quoted, as spreadsheets do. */
export function parseTsv(text: string): string[][] {
	const rows: string[][] = [[]];
	let cell = '';
	let quoted = false;
	for (let i = 0; i < text.length; i++) {
		const c = text[i]!;
		if (quoted) {
			if (c === '"' && text[i + 1] === '"') cell += text[++i];
			else if (c === '"') quoted = false;
			else cell += c;
		} else if (c === '"' && cell === '') quoted = true;
		else if (c === '\t' || c === '\n') {
			rows[rows.length - 1]!.push(cell);
			cell = '';
			if (c === '\n') rows.push([]);
		} else if (c !== '\r') cell += c;
	}
	if (cell !== '' || rows[rows.length - 1]!.length) rows[rows.length - 1]!.push(cell);
	return rows[rows.length - 1]!.length ? rows : rows.slice(0, -1);
}
export const formatTsv = (rows: string[][]): string => rows.map((r) => r.map((c) => (/[\t\n"]/.test(c) ? `"${c.replace(/"/g, '""')}"` : c)).join('\t')).join('\n');

const WIDTH: Record<string, number> = { i32: 2, u32: 2, f32: 2, i64: 4, u64: 4, f64: 4 };

/** The text `n` places behind the one with this number at its end: HR100 → HR102 for 32 bits, P-009 → P-010. */
export function counted(text: string, n: number): string {
	const m = /^(.*?)(\d+)$/.exec(text);
	return m ? m[1]! + String(Number(m[2]) + n).padStart(m[2]!.length, '0') : text;
}
/** Registers a value of this type takes; bits (coils, discrete inputs) one each. */
export const widthOf = (address: string, type: string): number => (/^(C|DI|[01]\d{4,5}$|[01]x)/i.test(address.trim()) ? 1 : (WIDTH[type] ?? 1));

export class Sheet {
	rows: Row[] = [];
	private done: Step[] = [];
	private undone: Step[] = [];
	private keys = 0;
	/** Rows that a step was about: what is not among them is as it came. */
	private touched = new Set<Row>();

	constructor(readonly columns: FormField[]) {}

	column(name: string): number {
		return this.columns.findIndex((f) => f.name === name);
	}
	/** A row the server has; not a step. */
	load(cells: string[], id: string, rev: number, ids: Record<number, string>): void {
		this.rows.push({ key: ++this.keys, id, rev, cells, was: cells, ids, gone: false });
	}
	mayEdit(row: Row, at: number): boolean {
		const f = this.columns[at];
		return Boolean(f) && !row.gone && (!row.was || !(has(f!, 'readonly') || has(f!, 'immutable')));
	}

	private commit(s: Step): boolean {
		if (!s.edits.length && !s.added.length && !s.gone.length) return false;
		this.done.push(s);
		this.undone = [];
		for (const e of s.edits) {
			this.touched.add(e.row);
			if (e.row.errors) delete e.row.errors[e.at];
		}
		for (const a of s.added) this.touched.add(a.row);
		for (const r of s.gone) this.touched.add(r);
		return true;
	}
	private edit(s: Step, row: Row, at: number, now: string): void {
		const old = row.cells[at] ?? '';
		if (old === now || !this.mayEdit(row, at)) return;
		if (row.cells === row.was) row.cells = [...row.was];
		row.cells[at] = now;
		s.edits.push({ row, at, old, now });
	}
	set(cells: { row: Row; at: number; text: string }[]): boolean {
		const s: Step = { edits: [], added: [], gone: [] };
		for (const c of cells) this.edit(s, c.row, c.at, c.text);
		return this.commit(s);
	}
	private add(s: Step, like?: Row): Row {
		const row: Row = { key: ++this.keys, cells: this.columns.map(() => ''), was: null, gone: false };
		/* A new point hangs where its neighbour does. */
		for (const [i, f] of this.columns.entries()) if (like && f.kind === 'ref') row.cells[i] = like.cells[i] ?? '';
		for (const [at, id] of Object.entries(like?.ids ?? {})) if (like!.was && like!.cells[Number(at)] === like!.was[Number(at)]) (row.ids ??= {})[Number(at)] = id;
		s.added.push({ row, index: this.rows.length });
		this.rows.push(row);
		return row;
	}
	append(n: number): boolean {
		const s: Step = { edits: [], added: [], gone: [] };
		const like = this.rows[this.rows.length - 1];
		for (let i = 0; i < n; i++) this.add(s, like);
		return this.commit(s);
	}
	/** Into the rows shown, from the given one on; what does not fit makes new rows. One value fills a whole selection. */
	paste(shown: Row[], from: number, at: number, block: string[][]): boolean {
		const s: Step = { edits: [], added: [], gone: [] };
		const like = shown[from] ?? this.rows[this.rows.length - 1];
		for (const [i, cells] of block.entries()) {
			const row = shown[from + i] ?? this.add(s, like);
			for (const [k, text] of cells.entries()) if (at + k < this.columns.length) this.edit(s, row, at + k, text.trim());
		}
		return this.commit(s);
	}
	/** The first of the rows' values into the others: codes and addresses go on counting, an address by the width of the type. */
	fillDown(rows: Row[], at: number): boolean {
		const s: Step = { edits: [], added: [], gone: [] };
		const f = this.columns[at];
		const type = this.column('type');
		let text = rows[0]?.cells[at] ?? '';
		for (const [i, row] of rows.entries()) {
			if (!i || !f) continue;
			const above = rows[i - 1]!;
			if (f.name === 'address') text = counted(text, widthOf(text, above.cells[type] || 'f32'));
			else if (f.name === 'code') text = counted(text, 1);
			this.edit(s, row, at, text);
		}
		return this.commit(s);
	}
	remove(rows: Row[]): boolean {
		const s: Step = { edits: [], added: [], gone: rows.filter((r) => !r.gone) };
		for (const r of s.gone) r.gone = true;
		return this.commit(s);
	}
	undo(): boolean {
		const s = this.done.pop();
		if (!s) return false;
		for (const e of [...s.edits].reverse()) e.row.cells[e.at] = e.old;
		for (const r of s.gone) r.gone = false;
		if (s.added.length) {
			const taken = new Set(s.added.map((a) => a.row));
			this.rows = this.rows.filter((r) => !taken.has(r));
			for (const r of taken) this.touched.delete(r);
		}
		this.undone.push(s);
		return true;
	}
	redo(): boolean {
		const s = this.undone.pop();
		if (!s) return false;
		for (const a of s.added) {
			this.rows.splice(a.index, 0, a.row);
			this.touched.add(a.row);
		}
		for (const e of s.edits) e.row.cells[e.at] = e.now;
		for (const r of s.gone) r.gone = true;
		this.done.push(s);
		return true;
	}
	get mayUndo(): boolean {
		return this.done.length > 0;
	}
	get mayRedo(): boolean {
		return this.undone.length > 0;
	}

	/** Rows that are to be sent: new ones with something in them, changed ones, deleted ones. */
	changed(): Row[] {
		return [...this.touched].sort((a, b) => a.key - b.key).filter((r) => (r.was ? r.gone || r.cells.some((c, i) => c !== r.was![i]) : !r.gone && this.isFilled(r)));
	}
	/** Rows to be seen; all of them is the usual case, and costs nothing then. */
	seen(wanted: (readonly [number, string])[]): Row[] {
		const lost = [...this.touched].some((r) => r.gone && !r.was);
		if (!lost && !wanted.length) return this.rows;
		return this.rows.filter((r) => (r.was || !r.gone) && wanted.every(([at, v]) => (r.cells[at] ?? '').toLowerCase().includes(v)));
	}
	private isFilled(r: Row): boolean {
		return r.cells.some((c, i) => c !== '' && this.columns[i]!.kind !== 'ref');
	}
	/** For the server's import: one line a row, the heads in line 1; row n stands in line n + 2. */
	toCsv(rows: Row[]): string {
		const head = ['id', 'rev', 'delete', ...this.columns.map((f) => f.name)];
		const cell = (r: Row, i: number): string => {
			const same = r.was ? r.cells[i] === r.was[i] : true;
			return ((same && r.ids?.[i]) || r.cells[i] || '').replace(/[\r\n]+/g, ' ');
		};
		return formatCsv([head, ...rows.map((r) => [r.id ?? '', r.rev ? String(r.rev) : '', r.gone ? 'yes' : '', ...this.columns.map((_, i) => cell(r, i))])]);
	}
	/** The server's errors, each to its cell. */
	tell(sent: Row[], errors: { line: number; column?: string | null; detail: string }[]): void {
		for (const r of this.rows) delete r.errors;
		for (const e of errors) {
			const row = sent[e.line - 2];
			if (!row) continue;
			const at = this.column(e.column ?? '');
			(row.errors ??= {})[at] = row.errors?.[at] ? `${row.errors[at]}\n${e.detail}` : e.detail;
		}
	}
}
