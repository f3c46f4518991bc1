/* What a picture shows of a point: its value as far as one may believe it, and the word for why not. Pure. */
import type { TFunction } from 'i18next';
import type { Point, Scalar } from '../api/contract';
import type { LiveValue } from '../api/live';
import { formatValue, withUnit } from '../lib/format';
import { qualityId, severity, WAITING } from '../lib/quality';
import { beyond, limitPassed, type Beyond, type Limit } from './range';
import type { StateClass, StateRule, Template } from './template';

/** stale: the last value of a connection to the server that is gone; none: there was no value yet. */
export type Look = 'good' | 'uncertain' | 'bad' | 'stale' | 'none';
export interface Reading {
	point: Point;
	look: Look;
	/** May be drawn as a position or a length: null when it is bad or there is none. */
	n: number | null;
	/** Value and unit; empty when there is none to believe. */
	text: string;
	/** The quality's id. */
	quality: string;
	over: Beyond;
	limit: Limit | '';
}

const numberOf = (v: Scalar): number | null => (typeof v === 'boolean' ? Number(v) : v === null || v === '' || !Number.isFinite(Number(v)) ? null : Number(v));

export function valueText(v: Scalar, p: Point): string {
	const key = typeof v === 'boolean' ? String(Number(v)) : String(v);
	const word = p.state_texts?.[key] ?? p.state_texts?.[String(v)];
	return word ?? withUnit(formatValue(v, { decimals: p.decimals ?? undefined, type: p.type }), p.unit);
}

export function readingOf(point: Point, live: LiveValue | undefined, lost = false): Reading {
	const nothing = { point, n: null, text: '', over: '', limit: '' } as const;
	if (!live || (live.v === null && live.q >>> 0 === WAITING)) return { ...nothing, look: 'none', quality: 'bad_waiting' };
	const s = severity(live.q);
	const quality = qualityId(live.q);
	if (s === 'bad') return { ...nothing, look: 'bad', quality };
	if (live.v === null) return { ...nothing, look: 'none', quality };
	const n = numberOf(live.v);
	const isState = point.type === 'bool' || Boolean(point.state_texts && Object.keys(point.state_texts).length);
	const over = n === null || isState ? '' : beyond(n, point);
	return {
		point, n, text: valueText(live.v, point), over, limit: n === null || isState ? '' : limitPassed(n, point),
		look: lost ? 'stale' : s, quality,
	};
}

/** The word for what is not good; empty: it is good. */
export function whyOf(r: Reading, t: TFunction): string {
	if (r.look === 'none') return t('picture.none');
	if (r.look === 'stale') return t('picture.stale');
	return r.look === 'good' ? '' : t(`quality.${r.quality}`);
}

/** unknown: what would say it cannot be read. */
export interface MachineState {
	as: StateClass | 'unknown';
	said?: { text: string; text_zh: string };
}

/** The first rule that holds. A point that cannot be read may hide the state above it: then only an alarm that is read counts. */
export function stateOf(t: Template, read: (code: string) => Reading | undefined): MachineState {
	let hidden = false;
	const holds = (s: StateRule): boolean => {
		if (!s.points) return true;
		const seen = s.points.flatMap((c) => read(c) ?? []);
		const isReadable = (r: Reading): boolean => r.n !== null && r.look !== 'stale';
		if (!seen.every(isReadable) || (!seen.length && (s.over || (s.as !== 'alarm' && s.as !== 'warn')))) hidden = true;
		return seen.some((r) => isReadable(r) && (s.over ? r.over !== '' : s.is?.includes(r.n!)));
	};
	for (const s of t.state)
		if (holds(s) && (!hidden || s.as === 'alarm')) return { as: s.as, said: s };
	return { as: 'unknown' };
}

/** About how wide a letter is, in ems: a wide script's letter as wide as it is high. */
const emOf = (ch: string): number => (ch.codePointAt(0)! > 0x2e7f ? 1 : /[A-Z@%mw]/.test(ch) ? 0.85 : /\d/.test(ch) ? 0.7 : /[iljt.,:;'| \u2009()/]/.test(ch) ? 0.36 : 0.65);
const emsOf = (text: string): number => [...text].reduce((n, ch) => n + emOf(ch), 0);

/** Words, cut to a width in px, with … at the end. */
export function fit(text: string, width: number, size: number): string {
	if (emsOf(text) * size <= width) return text;
	const letters = [...text];
	let sum = emsOf(text) + 1;
	while (letters.length > 1 && sum * size > width) sum -= emOf(letters.pop()!);
	return `${letters.join('').trimEnd()}…`;
}
/** The reason alone where "Bad: the reason" has no room: a ✕ stands before it anyway. */
export const fitReason = (text: string, width: number, size: number): string => (emsOf(text) * size <= width ? text : fit(text.replace(/^(✕ )?.*?(：|: )/, '$1'), width, size));
/** What stands where a value would: its reason; the last value of what is stale beside it, if both have room. */
export function wordFor(r: Reading, t: TFunction, width: number, size: number): string {
	const both = `${r.text} · ${whyOf(r, t)}`;
	return r.look === 'stale' && emsOf(both) * size <= width ? both : fitReason(`✕ ${whyOf(r, t)}`, width, size);
}
/** A number is never cut: the size at which it has room. */
export const sizeFor = (text: string, width: number, size: number): number => Math.max(8, Math.min(size, width / Math.max(emsOf(text), 0.1)));
