/* Where the server's complaints belong in a form. */
import type { TFunction } from 'i18next';
import type { FieldError } from '../api/contract';
import type { TypeForm } from './description';

/* Patterns of the record types, in words. */
const PATTERNS: Record<string, string> = {
	'[^/]+': 'no_slash', '[^/,;]+': 'no_comma', '[^ /]+': 'no_blank', '[a-z][a-z0-9-]*': 'small_dash', '[a-z][a-z0-9_]*': 'small_line', '[0-2][0-9]:[0-5][0-9]': 'hour', '/dev/.+': 'port', '/.+': 'path',
};
export function patternText(pattern: string, t: TFunction): string {
	const word = PATTERNS[pattern];
	return word ? t(`like.${word}`) : t('rule.pattern', { pattern });
}

/** What the server says of a field, as it is said beside that field: without the name programs use for it. */
export function besideField(e: Pick<FieldError, 'detail' | 'code' | 'args'>, t: TFunction): string {
	const field = e.args?.field;
	if (e.code === 'pattern' && typeof e.args?.pattern === 'string') return patternText(e.args.pattern, t);
	if (e.code === 'required') return t('rule.required');
	if (typeof field !== 'string' || !e.detail.startsWith(`${field} `)) return e.detail;
	const rest = e.detail.slice(field.length + 1);
	return rest.charAt(0).toUpperCase() + rest.slice(1);
}

/** RFC 6901: "/config/unit~1id" → ["config", "unit/id"]; numbers of list entries become numbers. */
export function pointerPath(pointer: string): (string | number)[] {
	const parts = pointer.replace(/^#/, '').split('/').slice(pointer.replace(/^#/, '').startsWith('/') ? 1 : 0);
	return parts
		.filter((p) => p !== '')
		.map((p) => decodeURIComponent(p).replace(/~1/g, '/').replace(/~0/g, '~'))
		.map((p) => (/^\d+$/.test(p) ? Number(p) : p));
}

export interface Placed {
	fields: { path: (string | number)[]; messages: string[] }[];
	/** Those that belong to no field on the form. */
	rest: string[];
}

export function placeErrors(errors: FieldError[], type: TypeForm, t: TFunction): Placed {
	const out: Placed = { fields: [], rest: [] };
	for (const e of errors) {
		const path = pointerPath(e.pointer ?? '');
		const field = type.fields.find((f) => f.name === path[0]);
		if (!field || field.flags?.includes('readonly')) {
			out.rest.push(e.detail);
			continue;
		}
		const key = JSON.stringify(path);
		const seen = out.fields.find((f) => JSON.stringify(f.path) === key);
		const text = besideField(e, t);
		if (seen) seen.messages.push(text);
		else out.fields.push({ path, messages: [text] });
	}
	return out;
}
