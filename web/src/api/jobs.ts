/* Long work as the live socket tells of it: one list for the badge and the screen. */
import { useEffect, useSyncExternalStore } from 'react';
import { useQueryClient } from '@tanstack/react-query';
import { keys, useMay } from './calls';
import type { Job } from './contract';
import { live } from './live';

const isUnderWay = (j: Job): boolean => j.state === 'queued' || j.state === 'running';

/** Jobs that run or wait, and those that ended a moment ago, by id. A new map with every change. */
export class JobList {
	private jobs = new Map<string, Job>();
	private watchers = new Set<() => void>();

	get = (): ReadonlyMap<string, Job> => this.jobs;
	watch = (fn: () => void): (() => void) => {
		this.watchers.add(fn);
		return () => this.watchers.delete(fn);
	};
	note(j: Job): void {
		this.jobs = new Map(this.jobs).set(j.id, j);
		this.watchers.forEach((fn) => fn());
	}
	clear(): void {
		this.jobs = new Map();
		this.watchers.forEach((fn) => fn());
	}
}

const list = new JobList();

/** Has the socket tell of jobs while the frame is there; lists are asked again when one begins or ends. */
export function useJobsFeed(): void {
	const client = useQueryClient();
	const may = useMay()('point.read');         /* without it there is no live socket */
	useEffect(() => {
		if (!may) return undefined;
		const stop = live.watchJobs((j) => {
			const before = list.get().get(j.id);
			list.note(j);
			if (!before || isUnderWay(before) !== isUnderWay(j)) void client.invalidateQueries({ queryKey: keys.noun('jobs') });
		});
		return () => {
			stop();
			list.clear();
		};
	}, [client, may]);
}

export const useJobsNow = (): ReadonlyMap<string, Job> => useSyncExternalStore(list.watch, list.get);

/** How many are under way, and how far they are together: 0 … 1, absent when nobody knows. */
export function sumOf(jobs: Iterable<Job>): { n: number; far?: number } {
	const under = [...jobs].filter(isUnderWay);
	const known = under.filter((j) => j.total);
	if (!known.length) return { n: under.length };
	return { n: under.length, far: known.reduce((sum, j) => sum + Math.min(1, (j.done ?? 0) / j.total!), 0) / known.length };
}
