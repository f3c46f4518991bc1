/* What a trend shows, besides its data: in the address (so that it can be sent to somebody) and as a saved record. */
import type { Head } from '../api/contract';
import { durationS, durationText, RANGES, type Window } from './window';

/** Words of the platform's query: what points become one line, and how. */
export const GROUPS = ['none', 'all', 'label', 'device', 'place', 'enterprise', 'site', 'area', 'line', 'cell', 'unit'] as const;
export const ACROSS = ['mean', 'sum', 'min', 'max', 'count'] as const;
export type GroupBy = (typeof GROUPS)[number];
export type Across = (typeof ACROSS)[number];

export interface TrendState {
	/** Points in order. */
	ids: string[];
	/** Axis of a point where it is not that of its unit. */
	axes: Record<string, string>;
	hidden: string[];
	/** s, what is shown while it follows the present. */
	length: number;
	/** Absent: it follows. */
	fixed?: Window;
	/** s; compare with so much earlier. 0: not. */
	shift: number;
	/** Axis → "0..600". */
	ranges: Record<string, string>;
	/** Points as one line a group; none: each for itself. */
	group: GroupBy;
	across: Across;
	/** Of groups: only points with one of these data labels; without points all such. */
	labels: string[];
	/** The saved trend it came from. */
	saved?: string;
}
export const POINTS_MAX = 12;
/** As many as a saved trend holds; they need no colours of their own. */
export const GROUPED_MAX = 32;

export interface TrendRecord extends Head {
	name: string;
	description?: string;
	lines?: { point: string; axis?: string; color?: string; hidden?: boolean }[];
	window?: string;
	until?: string | null;
	shift?: string;
	group_by?: string;
	across?: string;
	labels?: string[];
	limits?: Record<string, string>;
	[more: string]: unknown;
}

const pairs = (text: string | null): Record<string, string> =>
	Object.fromEntries((text ?? '').split(';').flatMap((x) => {
		const at = x.indexOf('=');
		return at > 0 ? [[decodeURIComponent(x.slice(0, at)), decodeURIComponent(x.slice(at + 1))]] : [];
	}));
const unpairs = (m: Record<string, string>): string | undefined =>
	Object.entries(m).filter(([, v]) => v).map(([k, v]) => `${encodeURIComponent(k)}=${encodeURIComponent(v)}`).join(';') || undefined;

const groupOf = (word: string | null | undefined): GroupBy => GROUPS.find((g) => g === word) ?? 'none';
const acrossOf = (word: string | null | undefined): Across => ACROSS.find((a) => a === word) ?? 'mean';
const most = (group: GroupBy): number => (group === 'none' ? POINTS_MAX : GROUPED_MAX);

export function readAddress(s: URLSearchParams, otherwise: string[]): TrendState {
	const [by, how] = (s.get('group') ?? '').split('.');
	const group = groupOf(by);
	const labels = group === 'none' ? [] : (s.get('labels') ?? '').split(',').filter(Boolean);
	const ids = (s.get('p') ?? (labels.length ? '' : otherwise.join(','))).split(',').filter(Boolean).slice(0, most(group));
	const from = Number(s.get('from'));
	const to = Number(s.get('to'));
	const fixed = from > 0 && to > from ? { from, to } : undefined;
	return {
		ids, axes: pairs(s.get('axis')), hidden: (s.get('hide') ?? '').split(',').filter(Boolean), fixed,
		length: fixed ? to - from : RANGES.find(([k]) => k === s.get('range'))?.[1] ?? (durationS(s.get('range') ?? '') || 900),
		shift: durationS(s.get('shift') ?? ''), ranges: pairs(s.get('limits')), group, across: acrossOf(how), labels, saved: s.get('t') ?? undefined,
	};
}

/** What the address says of it; undefined: not in it. */
export function writeAddress(s: TrendState): Record<string, string | undefined> {
	return {
		p: s.ids.join(',') || undefined, axis: unpairs(s.axes), hide: s.hidden.filter((id) => s.ids.includes(id) || id.startsWith('group:')).join(',') || undefined,
		range: RANGES.find(([, n]) => n === s.length)?.[0] ?? durationText(s.length),
		from: s.fixed?.from.toFixed(3), to: s.fixed?.to.toFixed(3), shift: s.shift ? durationText(s.shift) : undefined, limits: unpairs(s.ranges), t: s.saved,
		group: s.group === 'none' ? undefined : `${s.group}.${s.across}`, labels: (s.group !== 'none' && s.labels.join(',')) || undefined,
	};
}

export function fromRecord(r: TrendRecord): TrendState {
	const group = groupOf(r.group_by);
	const lines = (r.lines ?? []).slice(0, most(group));
	const length = durationS(r.window) || 3600;
	const until = r.until ? Date.parse(r.until) / 1000 : NaN;
	return {
		ids: lines.map((l) => l.point), axes: Object.fromEntries(lines.flatMap((l) => (l.axis ? [[l.point, l.axis]] : []))), hidden: lines.filter((l) => l.hidden).map((l) => l.point),
		length, fixed: Number.isFinite(until) ? { from: until - length, to: until } : undefined, shift: durationS(r.shift), ranges: r.limits ?? {}, group, across: acrossOf(r.across), labels: group === 'none' ? [] : r.labels ?? [], saved: r.id,
	};
}

export function toRecord(s: TrendState, colors: Record<string, string>): Pick<TrendRecord, 'lines' | 'window' | 'until' | 'shift' | 'limits' | 'group_by' | 'across' | 'labels'> {
	return {
		lines: s.ids.map((point) => ({ point, axis: s.axes[point], color: colors[point], hidden: s.hidden.includes(point) })),
		window: durationText(Math.max(1, Math.round(s.fixed ? s.fixed.to - s.fixed.from : s.length))), until: s.fixed ? new Date(s.fixed.to * 1000).toISOString() : null,
		shift: durationText(s.shift), limits: s.ranges, group_by: s.group, across: s.across, labels: s.group === 'none' ? [] : s.labels,
	};
}
