/* How a field's value stands in a table. */
import { formatDateTime, withUnit } from '../lib/format';
import { wordLabel, type FormField, type Lang } from '../form/description';

export function showField(f: FormField, v: unknown, lang: Lang): string {
	if (v === null || v === undefined || v === '') return '–';
	switch (f.kind) {
		case 'bool':
			return v ? '✓' : '–';
		case 'enum':
			return wordLabel(f, v, lang);
		case 'flags': case 'list':
			return Array.isArray(v) ? v.map((x) => (typeof x === 'object' ? JSON.stringify(x) : wordLabel(f, x, lang))).join(lang === 'zh' ? '；' : '; ') || '–' : String(v);
		case 'time': {
			const ms = Date.parse(String(v));
			return Number.isNaN(ms) ? String(v) : formatDateTime(ms);
		}
		case 'map':
			return Object.entries(v as Record<string, string>).map(([k, x]) => `${k}=${x}`).join(' ') || '–';
		case 'rec': case 'variant': case 'json':
			return typeof v === 'object' ? Object.entries(v as object).map(([k, x]) => `${k}=${typeof x === 'object' ? JSON.stringify(x) : String(x)}`).join(' ') : String(v);
		default:
			return withUnit(String(v), f.unit);
	}
}
