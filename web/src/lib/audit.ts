/* Entries of the audit log as the screen needs them. */
import type { AuditEntry } from '../api/contract';
import type { Lang } from '../form/description';
import { same } from '../form/values';

export interface Change {
	field: string;
	old?: unknown;
	new?: unknown;
}

/** Old and new of each field; what was said in words under the name it was said with. */
export function auditChanges(e: AuditEntry): Change[] {
	const out: Change[] = [];
	for (const c of e.changes?.changes ?? []) {
		const { noun: _noun, id: _id, op: _op, before, after, ...texts } = c;
		for (const field of new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])) if (!same(before?.[field], after?.[field])) out.push({ field, old: before?.[field], new: after?.[field] });
		for (const [field, text] of Object.entries(texts)) out.push({ field, new: text });
	}
	return out;
}
/** How the record was called: its code or name, if the entry says it; a job by its title, because its name is that of who began it. */
export function auditName(e: AuditEntry, lang: Lang): string {
	for (const c of e.changes?.changes ?? [])
		for (const side of [c.after, c.before]) {
			const name = c.noun === 'job' ? side?.[lang === 'zh' ? 'title_zh' : 'title'] : side?.code ?? side?.name;
			if (typeof name === 'string') return name;
		}
	return '';
}

/** Of how many records an entry tells, and what they are called as far as it says. */
export function auditRecords(e: AuditEntry): { n: number; names: string[] } {
	const listed = (e.changes?.changes ?? []).filter((c) => c.noun);
	const names = listed.flatMap((c) => {
		const name = c.after?.code ?? c.before?.code ?? c.after?.name ?? c.before?.name;
		return typeof name === 'string' ? [name] : [];
	});
	return { n: listed.length + (e.changes?.not_listed ?? 0), names };
}
