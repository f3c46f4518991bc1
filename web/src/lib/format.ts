/* Numbers, units and times as they stand on the screen. */
import type { Scalar } from '../api/contract';

export const THIN = '\u2009';

export interface ValueFormat {
	decimals?: number;
	type?: string;
	states?: Record<string, string>;
}

/** A value without its unit. Booleans are 0 and 1 unless there are state texts; "NaN" and "Infinity" come as text. */
export function formatValue(v: Scalar | undefined, f: ValueFormat = {}): string {
	if (v === null || v === undefined) return '–';
	const key = typeof v === 'boolean' ? (v ? '1' : '0') : String(v);
	const state = f.states?.[key] ?? (typeof v === 'boolean' ? f.states?.[String(v)] : undefined);
	if (state) return `${key} · ${state}`;
	if (typeof v === 'boolean') return key;
	if (typeof v === 'string') return v;
	return formatNumber(v, f.decimals, f.type);
}

export function formatNumber(n: number, decimals?: number, type?: string): string {
	if (!Number.isFinite(n)) return String(n);
	if (decimals !== undefined && decimals !== null && decimals >= 0) return n.toFixed(decimals);
	if (type === 'i64' || Number.isInteger(n)) return Number.isSafeInteger(n) ? String(n) : n.toExponential(6);
	const a = Math.abs(n);
	if (a !== 0 && (a < 1e-4 || a >= 1e15)) return n.toExponential(5).replace(/\.?0+e/, 'e');
	/* f32 carries about 7 digits: more would be noise. A counter of energy is long, and its end is what moves. */
	return String(Number(n.toPrecision(type === 'f32' ? 7 : a >= 1e6 ? 13 : 9)));
}

export function withUnit(text: string, unit?: string): string {
	return unit && text !== '–' ? `${text}${THIN}${unit}` : text;
}

/** 1536 → "1.5 KB" with a thin space. */
export function formatBytes(n: number): string {
	const units = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];
	let i = 0;
	while (n >= 1024 && i < units.length - 1) {
		n /= 1024;
		i++;
	}
	return `${i === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)}${THIN}${units[i]}`;
}

/** 1234567 → "1,234,567". */
export function formatCount(n: number): string {
	return Math.round(n).toString().replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

const two = (n: number): string => String(n).padStart(2, '0');

export function formatTime(ms: number, withMillis = false): string {
	const d = new Date(ms);
	const t = `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
	return withMillis ? `${t}.${String(d.getMilliseconds()).padStart(3, '0')}` : t;
}
export function formatDateTime(ms: number, withMillis = false): string {
	const d = new Date(ms);
	return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${formatTime(ms, withMillis)}`;
}

/** The time of today, the date of other days. */
export function formatRecent(ms: number, now = Date.now()): string {
	const text = formatDateTime(ms);
	return text.slice(0, 10) === formatDateTime(now).slice(0, 10) ? text.slice(11) : text.slice(0, 10);
}

export type AgeUnit = 'ms' | 's' | 'min' | 'h' | 'd';
/** How old something is, in the largest unit that is not zero. */
export function ageOf(ms: number): { n: number; unit: AgeUnit } {
	const s = Math.max(0, ms) / 1000;
	if (s < 60) return { n: Math.floor(s), unit: 's' };
	if (s < 3600) return { n: Math.floor(s / 60), unit: 'min' };
	if (s < 86400) return { n: Math.floor(s / 3600), unit: 'h' };
	return { n: Math.floor(s / 86400), unit: 'd' };
}
