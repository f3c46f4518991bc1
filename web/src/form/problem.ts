/* Where the server's complaints belong in a form. */
import type { FieldError } from '../api/contract';
import type { TypeForm } from './description';

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

export function placeErrors(errors: FieldError[], type: TypeForm): Placed {
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
		if (seen) seen.messages.push(e.detail);
		else out.fields.push({ path, messages: [e.detail] });
	}
	return out;
}
