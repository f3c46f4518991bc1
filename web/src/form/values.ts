/* Records ↔ what stands in the controls of a form; the same rules the server has, told before it is asked. */
import { has, innerType, isNested, type FormField, type Inner, type TypeForm } from './description';

export type Values = Record<string, unknown>;

/** A default is written as text in the record table. */
export function parseDefault(f: FormField): unknown {
	const d = f.default;
	if (d === undefined || d === null) return undefined;
	switch (f.kind) {
		case 'bool':
			return d === 'true' || d === '1';
		case 'i32': case 'u32': case 'i64': case 'u64': case 'f64': case 'dec':
			return d === '' ? undefined : Number(d);
		case 'flags': case 'list':
			return d === '' ? [] : d.startsWith('[') ? JSON.parse(d) : d.split(/[\s,]+/);
		case 'rec': case 'map': case 'variant': case 'json':
			return d === '' ? undefined : isNested(f) || f.kind === 'map' ? JSON.parse(d) : d;
		default:
			return d;
	}
}

export function defaults(t: TypeForm): Values {
	const out: Values = {};
	for (const f of t.fields) {
		const d = f.kind === 'rec' && f.type ? defaults(f.type) : parseDefault(f);
		if (d !== undefined) out[f.name] = d;
	}
	return out;
}

const empty = (v: unknown): boolean => v === undefined || v === null || v === '';

/** What the controls hold → what the server gets. Empty controls are left out when making, null when changing. */
export function toBody(t: TypeForm, values: Values, making: boolean, inner: Inner = innerType): Values {
	const out: Values = {};
	for (const f of t.fields) {
		if (has(f, 'readonly') || has(f, 'internal')) continue;
		let v = values[f.name];
		const within = isNested(f) ? inner(f, values) : undefined;
		if (within) v = toBody(within, { ...defaults(within), ...(v as Values) }, true);
		if (f.kind === 'list' && f.type && Array.isArray(v)) v = v.map((x) => toBody(f.type!, x as Values, true));
		if (f.kind === 'json' && typeof v === 'string' && v !== '') v = JSON.parse(v);
		if (f.kind === 'str' && typeof v === 'string') v = v.trim();
		if (empty(v)) {
			if (has(f, 'secret')) continue;
			if (!making && f.name in values) out[f.name] = null;
			continue;
		}
		out[f.name] = v;
	}
	return out;
}

/** What the server gave → what the controls hold. */
export function toValues(t: TypeForm, record: Values): Values {
	const out: Values = { ...record };
	for (const f of t.fields) {
		const v = record[f.name];
		if (f.kind === 'json' && !isNested(f) && v !== undefined && v !== null) out[f.name] = JSON.stringify(v, null, 2);
		if (has(f, 'secret')) delete out[f.name];
	}
	return out;
}

export function same(a: unknown, b: unknown): boolean {
	if (a === b) return true;
	if (empty(a) && empty(b)) return true;
	if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((x, i) => same(x, b[i]));
	if (a && b && typeof a === 'object' && typeof b === 'object') {
		const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
		return [...keys].every((k) => same((a as Values)[k], (b as Values)[k]));
	}
	return false;
}

/** The members of `after` that are not as in `before`: the body of a PATCH. */
export function changes(before: Values, after: Values): Values {
	const out: Values = {};
	for (const k of Object.keys(after)) if (!same(before[k], after[k])) out[k] = after[k];
	return out;
}

export type Fault =
	| { rule: 'required' }
	| { rule: 'range' | 'length' | 'count'; min?: string; max?: string }
	| { rule: 'pattern'; pattern: string }
	| { rule: 'duration' | 'json' | 'uuid' | 'whole' };

const DURATION = /^-?(\d+(\.\d+)?(ns|us|µs|ms|s|m|h|d))+$/;

/** Nanoseconds of "1h30m", "500ms"; undefined when it is no duration. */
export function durationNs(text: string): number | undefined {
	if (!DURATION.test(text)) return undefined;
	const unit: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9, d: 86400e9 };
	let sum = 0;
	for (const m of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)/g)) sum += Number(m[1]) * unit[m[2]!]!;
	return text.startsWith('-') ? -sum : sum;
}

function outside(n: number, min?: number, max?: number): boolean {
	return (min !== undefined && n < min) || (max !== undefined && n > max);
}

/** The first rule a value breaks. */
export function faultOf(f: FormField, v: unknown, making: boolean): Fault | null {
	if (isNested(f)) return null;
	if (empty(v)) return has(f, 'required') && !(has(f, 'secret') && !making) ? { rule: 'required' } : null;
	const min = empty(f.min) ? undefined : f.min!;
	const max = empty(f.max) ? undefined : f.max!;
	const bounds = { min, max };
	const num = (x?: string): number | undefined => (x === undefined ? undefined : Number(x));
	switch (f.kind) {
		case 'i32': case 'u32': case 'i64': case 'u64':
			if (!Number.isInteger(Number(v))) return { rule: 'whole' };
			return outside(Number(v), num(min), num(max)) ? { rule: 'range', ...bounds } : null;
		case 'f64': case 'dec':
			return outside(Number(v), num(min), num(max)) ? { rule: 'range', ...bounds } : null;
		case 'duration': {
			const ns = durationNs(String(v));
			if (ns === undefined) return { rule: 'duration' };
			return outside(ns, min ? durationNs(min) : undefined, max ? durationNs(max) : undefined) ? { rule: 'range', ...bounds } : null;
		}
		case 'str': case 'text': {
			const s = String(v);
			if (outside([...s].length, num(min), num(max))) return { rule: 'length', ...bounds };
			if (f.pattern && !new RegExp(`^(?:${f.pattern})$`, 'u').test(s)) return { rule: 'pattern', pattern: f.pattern };
			return null;
		}
		case 'uuid':
			return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(String(v)) ? null : { rule: 'uuid' };
		case 'list': case 'flags':
			if (Array.isArray(v) && has(f, 'required') && !v.length) return { rule: 'required' };
			return Array.isArray(v) && outside(v.length, num(min), num(max)) ? { rule: 'count', ...bounds } : null;
		case 'json':
			try {
				JSON.parse(String(v));
				return null;
			} catch {
				return { rule: 'json' };
			}
		default:
			return null;
	}
}
