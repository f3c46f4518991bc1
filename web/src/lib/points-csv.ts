/* Headings of a list: which field they name. */
import { has, type TypeForm } from '../form/description';

/** The field a heading names: by name or label in either language. The server knows more words; what it said counts first. */
export function fieldOf(form: TypeForm, heading: string): string | undefined {
	const h = heading.trim().toLowerCase();
	return form.fields.find((f) => !has(f, 'internal') && [f.name, f.label, f.label_zh].some((x) => x?.toLowerCase() === h))?.name;
}

/** The column an error speaks of: it names the heading, or the field when the list has no such heading. */
export function columnIndex(head: string[], fields: (string | null | undefined)[], column: string | null | undefined): number {
	if (!column) return -1;
	const exact = head.findIndex((h) => h.trim() === column);
	return exact >= 0 ? exact : fields.indexOf(column);
}
