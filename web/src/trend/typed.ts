/* Times and values as the interface takes them. */

/** RFC 3339 to the nanosecond: a sample is found by its exact time. */
export function isoOf(seconds: number, ns = 0): string {
	const us = Math.round(seconds * 1e6);
	const whole = Math.floor(us / 1e6);
	const rest = us - whole * 1e6;
	return `${new Date(whole * 1000).toISOString().slice(0, 19)}.${String(rest).padStart(6, '0')}${String(ns).padStart(3, '0')}Z`;
}

/** What was typed, as the point's type wants it; what is no number stays a text, and the platform says so. */
export function valueOf(text: string, type: string | undefined): unknown {
	const s = text.trim();
	if (type === 'string' || type === 'str') return text;
	if (s === 'true' || s === 'false') return s === 'true';
	const n = Number(s);
	return s !== '' && Number.isFinite(n) ? n : s;
}
