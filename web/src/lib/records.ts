import i18next from 'i18next';
import type { Rec } from '../api/contract';

const text = (v: unknown): string => (typeof v === 'string' ? v : '');

/** How a record is called among others: its title in the reader's language, or code and name as far as it has them. */
export function recordTitle(r: Partial<Rec>): string {
	const title = (i18next.language !== 'en' && text(r.title_zh)) || text(r.title);
	if (title) return title;
	const code = text(r.code);
	const name = text(r.full_name) ? `${text(r.full_name)} (${text(r.name)})` : text(r.name);
	if (code && name && code !== name) return `${name} · ${code}`;
	return name || code || text(r.path) || String(r.id ?? '').slice(0, 8);
}
