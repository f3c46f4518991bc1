/* Forms as the server describes them (made from the record tables by rec_form). */

export interface Word {
	word: string;
	label?: string;
	label_zh?: string;
}
export type FieldFlag = 'key' | 'required' | 'readonly' | 'nullable' | 'unique' | 'immutable' | 'secret' | string;
export type Kind =
	| 'bool' | 'i32' | 'u32' | 'i64' | 'u64' | 'f64' | 'dec' | 'time' | 'date' | 'duration' | 'enum' | 'flags'
	| 'str' | 'text' | 'bytes' | 'uuid' | 'ref' | 'list' | 'rec' | 'map' | 'variant' | 'json';

export interface FormField {
	name: string;
	kind: Kind;
	item?: Kind;
	scale?: number;
	flags?: FieldFlag[];
	default?: string;
	min?: string;
	max?: string;
	pattern?: string;
	words?: Word[];
	ref?: string;
	sibling?: string;
	variants?: { word: string; type: TypeForm }[];
	type?: TypeForm;
	unit?: string;
	label?: string;
	label_zh?: string;
	doc?: string;
	doc_zh?: string;
	group?: string;
	widget?: string;
}
export interface TypeForm {
	name: string;
	plural?: string;
	stored?: boolean;
	title?: string;
	title_zh?: string;
	doc?: string;
	doc_zh?: string;
	fields: FormField[];
}

export type Lang = 'zh' | 'en';
type Texts = { label?: string; label_zh?: string; title?: string; title_zh?: string; doc?: string; doc_zh?: string };

export const labelOf = (f: Texts & { name?: string; word?: string }, lang: Lang): string =>
	(lang === 'zh' ? f.label_zh || f.label : f.label) || f.name || f.word || '';
export const titleOf = (f: Texts & { name?: string }, lang: Lang): string =>
	(lang === 'zh' ? f.title_zh || f.title : f.title) || f.name || '';
/** Inside a sentence: "New scan group", but "New API token". */
export function inSentence(title: string): string {
	return /^[A-Z][a-z]/.test(title) ? title[0]!.toLowerCase() + title.slice(1) : title;
}
export const docOf = (f: Texts, lang: Lang): string | undefined => (lang === 'zh' ? f.doc_zh || f.doc : f.doc) || undefined;

export const has = (f: FormField, flag: FieldFlag): boolean => f.flags?.includes(flag) ?? false;

/** A row of GET /types. */
export interface TypeRow {
	name: string;
	plural: string;
	title?: string;
	title_zh?: string;
	doc?: string;
	doc_zh?: string;
	may_read?: boolean;
	may_write?: boolean;
	form: TypeForm;
}

/** The word a field of words shows. */
export function wordLabel(f: FormField, value: unknown, lang: Lang): string {
	const w = f.words?.find((x) => x.word === value);
	return w ? (lang === 'zh' ? w.label_zh || w.label : w.label) || w.word : value === null || value === undefined ? '' : String(value);
}

/** The type of what a field holds inside, as far as the record says it by now. Drivers bring the types of their settings. */
export type Inner = (f: FormField, record: Record<string, unknown>) => TypeForm | undefined;

export const innerType: Inner = (f, record) => {
	if (f.kind === 'rec') return f.type;
	if (f.kind !== 'variant' || !f.sibling) return undefined;
	const word = record[f.sibling];
	return typeof word === 'string' ? f.variants?.find((v) => v.word === word)?.type : undefined;
};
/** Is this a field whose form depends on others? Then it is never a bare text box. */
export const isNested = (f: FormField): boolean =>
	f.kind === 'rec' || f.kind === 'variant' || f.widget === 'driver_connection' || f.widget === 'driver_device';

/** Fields a person fills in: not those the platform sets. */
export const editable = (t: TypeForm): FormField[] =>
	t.fields.filter((f) => !has(f, 'readonly') && !has(f, 'internal') && !has(f, 'key'));

/** Fields in their sections, in the order in which the sections first appear. */
export function sections(fields: FormField[]): { group: string; fields: FormField[] }[] {
	const out: { group: string; fields: FormField[] }[] = [];
	for (const f of fields) {
		const group = f.group ?? '';
		const s = out.find((x) => x.group === group);
		if (s) s.fields.push(f);
		else out.push({ group, fields: [f] });
	}
	return out;
}
