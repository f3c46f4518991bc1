/* The point list as a file: which columns a device needs, and the columns the person has settled on the screen already. */
import { formatCsv, parseCsv, type Table } from './csv';
import { has, labelOf, type Lang, type TypeForm } from '../form/description';

/** Columns of the template, in the order a list of a plant usually has them. */
export const TEMPLATE = ['code', 'name', 'address', 'type', 'access', 'byte_order', 'unit', 'scale', 'offset', 'decimals', 'limit_hh', 'limit_h', 'limit_l', 'limit_ll', 'description'];

export function template(form: TypeForm, lang: Lang, examples: string[][]): string {
	const fields = TEMPLATE.flatMap((n) => form.fields.find((f) => f.name === n) ?? []);
	return formatCsv([fields.map((f) => labelOf(f, lang)), ...examples.map((row) => fields.map((_, i) => row[i] ?? ''))]);
}

/** The field a heading names: by name or label in either language, as the server reads it. */
export function fieldOf(form: TypeForm, heading: string): string | undefined {
	const h = heading.trim().toLowerCase();
	return form.fields.find((f) => !has(f, 'internal') && [f.name, f.label, f.label_zh].some((x) => x?.toLowerCase() === h))?.name;
}

/**
 * The text the server gets: comma-separated, with columns of the same content in every row appended unless the file has them.
 * Lines keep their numbers, so that the server's errors point into what the person sees.
 */
export function withColumns(text: string, form: TypeForm, columns: Record<string, string>): string {
	const table = parseCsv(text);
	const head = table.rows[0];
	if (!head) return '';
	const present = new Set(head.cells.map((h) => fieldOf(form, h)));
	const added = Object.entries(columns).filter(([name, v]) => v && !present.has(name));
	const out: string[] = [];
	let line = 1;
	for (const [i, row] of table.rows.entries()) {
		for (; line < row.line; line++) out.push('\r\n');
		const cells = [...row.cells, ...Array<string>(Math.max(0, head.cells.length - row.cells.length)).fill(''), ...added.map(([name, v]) => (i === 0 ? name : v))];
		const written = formatCsv([cells]);
		out.push(written);
		line += written.split('\r\n').length - 1 + (written.match(/(?<!\r)\n/g)?.length ?? 0);
	}
	return out.join('');
}

export function columnIndex(table: Table, form: TypeForm, column: string | null | undefined): number {
	if (!column) return -1;
	const head = table.rows[0]?.cells ?? [];
	const exact = head.findIndex((h) => h.trim() === column);
	return exact >= 0 ? exact : head.findIndex((h) => fieldOf(form, h) === column);
}
