/* How much work is under way, together. */
import { describe, expect, it } from 'vitest';
import { JobList, sumOf } from '../src/api/jobs';
import type { Job } from '../src/api/contract';

const job = (id: string, state: Job['state'], done = 0, total = 0): Job => ({ id, kind: 'k', state, done, total });

describe('jobs', () => {
	it('counts those that wait or run, and how far they are where that is known', () => {
		expect(sumOf([])).toEqual({ n: 0 });
		expect(sumOf([job('a', 'done', 5, 5), job('b', 'failed')])).toEqual({ n: 0 });
		expect(sumOf([job('a', 'queued'), job('b', 'running', 7)])).toEqual({ n: 2 });
		expect(sumOf([job('a', 'running', 1, 4), job('b', 'running', 3, 4), job('c', 'queued')])).toEqual({ n: 3, far: 0.5 });
		expect(sumOf([job('a', 'running', 9, 4)])).toEqual({ n: 1, far: 1 });
	});
	it('tells its watchers with a new map', () => {
		const list = new JobList(), before = list.get();
		let told = 0;
		const stop = list.watch(() => told++);
		list.note(job('a', 'running'));
		expect(told).toBe(1);
		expect(list.get()).not.toBe(before);
		expect(list.get().get('a')!.state).toBe('running');
		stop();
		list.clear();
		expect(told).toBe(1);
		expect(list.get().size).toBe(0);
	});
});
