/* The stretch of time that is shown: in words, moved, stretched. Times in s. */
export interface Window {
	from: number;
	to: number;
}
export const MIN_WINDOW_S = 1;
export const MAX_WINDOW_S = 20 * 366 * 86400;

/** Lengths that end at the present and follow it. */
export const RANGES: [string, number][] = [
	['5m', 300], ['15m', 900], ['1h', 3600], ['3h', 3 * 3600], ['8h', 8 * 3600], ['24h', 86400], ['3d', 3 * 86400], ['7d', 7 * 86400], ['30d', 30 * 86400],
	['90d', 90 * 86400], ['365d', 365 * 86400],
];
/** Those that stand as buttons; the others are in the list. */
export const RANGES_SHOWN = ['15m', '1h', '8h', '24h', '7d', '30d'];
export const secondsOf = (range: string): number | undefined => RANGES.find(([k]) => k === range)?.[1];

export const DAYS = ['today', 'yesterday', 'this_week', 'last_week', 'this_month', 'last_month'] as const;
export type DayRange = (typeof DAYS)[number];

/** A stretch of whole days of the calendar here; weeks begin on Monday (GB/T 7408, ISO 8601). */
export function daysOf(what: DayRange, nowS: number): Window {
	const now = new Date(nowS * 1000);
	const day = (d: number, m = now.getMonth()): number => new Date(now.getFullYear(), m, d).getTime() / 1000;
	const date = now.getDate();
	const monday = date - ((now.getDay() + 6) % 7);
	switch (what) {
		case 'today': return { from: day(date), to: day(date + 1) };
		case 'yesterday': return { from: day(date - 1), to: day(date) };
		case 'this_week': return { from: day(monday), to: day(monday + 7) };
		case 'last_week': return { from: day(monday - 7), to: day(monday) };
		case 'this_month': return { from: day(1), to: day(1, now.getMonth() + 1) };
		case 'last_month': return { from: day(1, now.getMonth() - 1), to: day(1) };
	}
}

/** The window moved and stretched about a place in it, within sense. */
export function zoomed(w: Window, factor: number, at = (w.from + w.to) / 2): Window {
	const span = Math.min(MAX_WINDOW_S, Math.max(MIN_WINDOW_S, (w.to - w.from) * factor));
	const share = (at - w.from) / (w.to - w.from);
	const from = at - span * share;
	return { from, to: from + span };
}
export const moved = (w: Window, by: number): Window => ({ from: w.from + by, to: w.to + by });

/** What a key does to the window; undefined: nothing. */
export function keyed(key: string, w: Window): Window | undefined {
	const span = w.to - w.from;
	switch (key) {
		case 'ArrowLeft': return moved(w, -span / 10);
		case 'ArrowRight': return moved(w, span / 10);
		case 'PageUp': return moved(w, -span);
		case 'PageDown': return moved(w, span);
		case '+': case '=': return zoomed(w, 0.7);
		case '-': case '_': return zoomed(w, 1 / 0.7);
		default: return undefined;
	}
}

/** Earlier periods to compare with, in s; 0: none. "window": as long as what is shown. */
export const SHIFTS = [0, 3600, 86400, 7 * 86400, 28 * 86400] as const;

/** A duration as the server writes it: "8h", "1h30m". */
export function durationText(s: number): string {
	const whole = Math.round(s);
	if (whole !== s) return `${Math.round(s * 1000)}ms`;
	const h = Math.floor(whole / 3600);
	const m = Math.floor((whole % 3600) / 60);
	const text = `${h ? `${h}h` : ''}${m ? `${m}m` : ''}${whole % 60 ? `${whole % 60}s` : ''}`;
	return text || '0s';
}
/** "1h30m", "24h", "500ms" in s; 0 when it is none. */
export function durationS(text: string | undefined): number {
	let s = 0;
	for (const m of (text ?? '').matchAll(/(\d+(?:\.\d+)?)(ms|us|ns|h|m|s|d)/g)) s += Number(m[1]) * { ns: 1e-9, us: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600, d: 86400 }[m[2] as 'ms']!;
	return s;
}
