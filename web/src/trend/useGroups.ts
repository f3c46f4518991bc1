/* Many points as one line a group: figures the platform puts together. Asked for again when the window leaves what was fetched, and while following. */
import { useMemo } from 'react';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { querySamples, useAll } from '../api/calls';
import type { Rec } from '../api/contract';
import { useDebounced } from '../app/hooks';
import { useText } from '../app/lang';
import { recordTitle } from '../lib/records';
import { fromGroup, groupStep, shifted, type Line } from './data';
import type { Across, GroupBy, TrendState } from './state';
import { moved, type Window } from './window';

export interface Group {
	/** What the platform calls it: "" are the points that belong nowhere. */
	name: string;
	unit?: string;
	points: number;
	/** How many of the points had a value, a bucket each; where buckets begin, s. */
	with: number[];
	at: number[];
	line: Line;
}
export interface Groups {
	groups: Group[];
	busy: boolean;
	error: unknown;
	grain: number;
}

export const groupId = (name: string): string => `group:${name}`;
export const isGrouped = (s: TrendState): boolean => s.group !== 'none';
/** Is there anything to ask about? */
export const asksAny = (s: TrendState): boolean => s.ids.length > 0 || (isGrouped(s) && s.labels.length > 0);

const NONE: Group[] = [];

async function fetchGroups(q: { points: string[]; labels: string[]; by: GroupBy; across: Across; from: number; to: number; step: number }, signal: AbortSignal): Promise<Group[]> {
	const { series } = await querySamples({
		points: q.points.length ? q.points : undefined, labels: q.labels.length ? q.labels : undefined, from: new Date(q.from * 1000).toISOString(), to: new Date(q.to * 1000).toISOString(),
		step: `${q.step}s`, aggregates: ['avg'], group_by: q.by, across: q.across, limit: 1000000,
	}, signal);
	return series.map((s) => ({
		name: s.group ?? '', unit: s.unit || undefined, points: s.points ?? 0, with: s.with ?? [], at: s.t.map((t) => Math.floor(t / 1e6 / q.step) * q.step), line: fromGroup(s, q.step, groupId(s.group ?? '')),
	}));
}

export function useGroups(state: TrendState, window_: Window, follow: boolean, back = 0, on = true): Groups {
	const w = moved(window_, -back);
	const span = w.to - w.from;
	const step = groupStep(span);
	const grid = Math.max(span / 2, step * 8, 1);
	const from = Math.floor((w.from - span * 0.25) / grid) * grid;
	const to = follow ? Math.ceil(w.to / grid) * grid : Math.ceil((w.to + span * 0.25) / grid) * grid;
	const any = on && isGrouped(state) && asksAny(state);
	const wanted = useDebounced(any ? JSON.stringify({ points: state.ids, labels: state.labels, by: state.group, across: state.across, from, to, step }) : '', 150);
	const answer = useQuery({
		queryKey: ['groups', wanted], enabled: any && wanted !== '', placeholderData: keepPreviousData, staleTime: follow ? 1e3 : 5 * 60e3, gcTime: 60e3,
		refetchInterval: follow && !back ? Math.max(5, step) * 1000 : false,
		queryFn: ({ signal }) => fetchGroups(JSON.parse(wanted) as Parameters<typeof fetchGroups>[0], signal),
	});
	const got = (any && answer.data) || NONE;
	const groups = useMemo(() => (back ? got.map((g) => ({ ...g, line: shifted(g.line, back, g.line.point) })) : got), [got, back]);
	return { groups, busy: answer.isFetching && !(follow && answer.data), error: answer.error, grain: step };
}

/** How people call a group. */
export function useGroupNames(by: GroupBy): (name: string) => string {
	const { t } = useText();
	const labels = useAll<Rec>('labels', {}, by === 'label');
	return (name) => {
		if (by === 'all') return t('trend.group_all');
		if (name === '') return by === 'unit' ? t('trend.axis_plain') : t('trend.group_none');
		const label = by === 'label' && labels.data?.items.find((r) => r.code === name);
		return label ? recordTitle(label) : name;
	};
}
