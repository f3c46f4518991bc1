/* What the lists show of each noun when there is room; fields the server does not describe are left out. Anything not listed
 * here is shown by its first simple fields. */
import { has, type FormField, type TypeForm } from '../form/description';

export interface NounView {
	columns?: string[];
	filters?: string[];
	sort?: string;
	/** Where this noun's records are made when not by the plain form. */
	add?: string;
}

export const NOUNS: Record<string, NounView> = {
	places: { columns: ['code', 'name', 'level', 'parent', 'description'], filters: ['level'] },
	labels: { columns: ['code', 'name', 'keep_days', 'description'], filters: [] },
	connections: { columns: ['code', 'name', 'driver', 'config', 'enabled', 'description'], filters: ['driver', 'enabled'] },
	devices: { columns: ['code', 'name', 'connection', 'place', 'driver', 'config', 'enabled'], filters: ['connection', 'place', 'enabled'] },
	groups: { columns: ['code', 'name', 'device', 'period_ms', 'enabled'], filters: ['device', 'enabled'] },
	points: { columns: ['code', 'name', 'device', 'group', 'address', 'type', 'unit', 'access', 'labels', 'enabled'], filters: ['device', 'group', 'labels', 'enabled'] },
	users: { columns: ['name', 'full_name', 'role', 'lang', 'enabled', 'password_due', 'last_sign_in'] },
	roles: { columns: ['name', 'title', 'title_zh', 'permissions', 'builtin'] },
	grants: { columns: ['user', 'token', 'role', 'place', 'from', 'until', 'days', 'hour_from', 'hour_until'], filters: ['user', 'role'] },
	tokens: { columns: ['name', 'role', 'hint', 'expires', 'last_used'] },
	tenants: { columns: ['code', 'name', 'enabled'] },
};

const SIMPLE = new Set(['bool', 'i32', 'u32', 'i64', 'u64', 'f64', 'dec', 'time', 'date', 'duration', 'enum', 'str', 'ref']);

export function columnsOf(plural: string, t: TypeForm): FormField[] {
	const by = new Map(t.fields.map((f) => [f.name, f]));
	const wanted = NOUNS[plural]?.columns?.flatMap((n) => by.get(n) ?? []).filter((f) => !has(f, 'secret') && !has(f, 'internal'));
	if (wanted?.length) return wanted;
	return t.fields.filter((f) => SIMPLE.has(f.kind) && !has(f, 'secret') && !has(f, 'internal') && !has(f, 'key')).slice(0, 7);
}
export function filtersOf(plural: string, t: TypeForm): FormField[] {
	const names = NOUNS[plural]?.filters ?? t.fields.filter((f) => f.kind === 'enum' || f.kind === 'bool').map((f) => f.name).slice(0, 2);
	return names.flatMap((n) => t.fields.find((f) => f.name === n) ?? []);
}
export const isSortable = (f: FormField): boolean => SIMPLE.has(f.kind) && f.kind !== 'ref';
