/*
 * The lines for a window. Asked for again when the window leaves what was fetched or its grain no longer fits; while following,
 * live values are put at the end of what is there.
 */
import { useEffect, useMemo, useRef, useState } from 'react';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { querySamples } from '../api/calls';
import { serverNow } from '../api/http';
import { live, useSubscription } from '../api/live';
import { useDebounced } from '../app/hooks';
import { append, fromBuckets, fromRaw, RAW_LIMIT, shifted, stepFor, type Line, type Shape } from './data';
import { moved, type Window } from './window';

export interface Asked {
	id: string;
	shape: Shape;
	isState: boolean;
}
export interface Lines {
	lines: Map<string, Line>;
	version: number;
	busy: boolean;
	error: unknown;
	/** s of a bucket; 0: samples as they were. */
	grain: number;
}

const NONE: Line[] = [];
const AGGREGATES = ['avg', 'min', 'max', 'count', 'last'];

async function fetchLines(asked: Asked[], w: Window, step: number, signal: AbortSignal): Promise<{ lines: Line[]; grain: number }> {
	const points = asked.map((a) => a.id);
	const body = { points, from: new Date(w.from * 1000).toISOString(), to: new Date(w.to * 1000).toISOString(), limit: RAW_LIMIT * points.length };
	const of = (id: string): Asked => asked.find((a) => a.id === id)!;
	if (!step) {
		const { series, truncated } = await querySamples(body, signal);
		if (!truncated) return { grain: 0, lines: series.map((s) => fromRaw(s, Math.min(w.to, serverNow() / 1000), of(s.point).shape)) };
	}
	const grain = step || 1;
	const { series } = await querySamples({ ...body, step: `${grain}s`, aggregates: AGGREGATES }, signal);
	return { grain, lines: series.map((s) => fromBuckets(s, grain, of(s.point).shape, of(s.point).isState)) };
}

/** `back`: s, the same points so much earlier, moved to now; live values do not come then. */
export function useLines(asked: Asked[], window_: Window, follow: boolean, back = 0): Lines {
	const w = moved(window_, -back);
	const width = Math.max(320, typeof innerWidth === 'number' ? innerWidth - 260 : 1000);
	const span = w.to - w.from;
	const period = Math.min(...asked.map((a) => a.shape.period ?? 1), 60);
	const step = stepFor(span, width, period);
	/* Ask for a window a half wider on either side, on a grid: small moves need nothing new. */
	const grid = Math.max(span / 2, step * 8, 1);
	const from = Math.floor((w.from - span * 0.25) / grid) * grid;
	const to = follow ? Math.ceil(w.to / grid) * grid : Math.ceil((w.to + span * 0.25) / grid) * grid;
	const wanted = useDebounced(asked.length ? JSON.stringify({ asked, from, to, step }) : '', 150);
	const [version, bump] = useState(0);

	const answer = useQuery({
		queryKey: ['samples', wanted, back], enabled: asked.length > 0 && wanted !== '', placeholderData: keepPreviousData, staleTime: follow ? 30e3 : 5 * 60e3, gcTime: 60e3,
		queryFn: ({ signal }) => {
			const q = JSON.parse(wanted) as { asked: Asked[]; from: number; to: number; step: number };
			/* JSON has no undefined and no Infinity; both are left out of it. */
			return fetchLines(q.asked, q, q.step, signal);
		},
	});
	const got = answer.data?.lines ?? NONE;
	const lines = useMemo(() => new Map(got.map((l) => [l.point, back ? shifted(l, back, l.point) : l])), [got, back]);
	const current = useRef({ lines, keep: w.from });
	current.current = { lines, keep: w.from - span };

	useSubscription(back ? [] : asked.map((a) => a.id), 5);
	useEffect(() => {
		if (back) return;
		let dirty = false;
		const off = live.tap((point, v) => {
			const line = current.current.lines.get(point);
			if (line) {
				append(line, v.t, v.v, v.q, current.current.keep);
				dirty = true;
			}
		});
		const timer = setInterval(() => {
			if (dirty) {
				dirty = false;
				bump((n) => n + 1);
			}
		}, 250);
		return () => {
			off();
			clearInterval(timer);
		};
	}, [back]);
	return { lines, version, busy: answer.isFetching && !(follow && answer.data), error: answer.error, grain: answer.data?.grain ?? step };
}

export interface Between {
	min: number | null;
	max: number | null;
	mean: number | null;
}

/** Lowest, highest and time-weighted mean of all samples between two marks: the server's figures, not the screen's. */
export function useBetween(ids: string[], a: number | null, b: number | null): Map<string, Between> | undefined {
	const key = useDebounced(a === null || b === null || a === b ? '' : JSON.stringify([ids, Math.min(a, b), Math.max(a, b)]), 250);
	const answer = useQuery({
		queryKey: ['between', key], enabled: key !== '', staleTime: Infinity, gcTime: 30e3, placeholderData: keepPreviousData,
		queryFn: async ({ signal }) => {
			const [points, from, to] = JSON.parse(key) as [string[], number, number];
			const { series } = await querySamples({ points, from: new Date(from * 1000).toISOString(), to: new Date(to * 1000).toISOString(), aggregates: ['min', 'max', 'avg'] }, signal);
			const number = (v: unknown): number | null => (typeof v === 'number' ? v : null);
			return new Map(series.map((s): [string, Between] => [s.point, { min: number(s.min?.[0]), max: number(s.max?.[0]), mean: number(s.avg?.[0]) }]));
		},
	});
	return key === '' ? undefined : answer.data;
}
