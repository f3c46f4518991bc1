/* The store of samples: how it does, and what can be begun about it. */
import { useQuery } from '@tanstack/react-query';
import { call, get } from './http';
import { isUnderWay } from './backups';
import type { Job, Page } from './contract';

export interface Level { level: 'flushed' | 'window' | 'day'; files: number; bytes: number; samples: number; bytes_per_sample: number }
export interface Folder { folder: 'data' | 'second'; path: string; reachable: boolean; files: number; bytes: number; samples: number; free: number; total: number }
export interface Note { level: 'warning' | 'error'; text: string }
export interface StoreStats {
	levels: Level[];
	folders: Folder[];
	notes: Note[];
	files: number;
	bytes: number;
	samples: number;
	bytes_per_sample: number;
	profile: 'portable' | 'compact';
	series: number;
	days: number;
	files_of_day: number;
	waiting_files: number;
	waiting_bytes: number;
	merging: boolean;
	merging_day?: string | null;
	merging_samples: number;
	merging_total: number;
	head_bytes: number;
	head_bytes_max: number;
	head_samples: number;
	log_bytes: number;
	log_unread: number;
	log_unfiled: number;
	growth: number;
	days_left?: number | null;
	moving_files: number;
	moving_bytes: number;
	second_age?: string | null;
}

/** What a check found. */
export interface Fault { kind: string; file: string; text: string; text_zh: string; detail: string; harmless: boolean; samples: number; from?: string; to?: string; points?: number; first?: string[] }
export interface Checked { files: number; samples: number; bytes: number; faults: number; harmless: number; lost: number; list: Fault[] }

const KEY = ['storage'] as const;
const KINDS = 'history.check,history.compact';
const LOOK_MS = 1000;
const STATS_MS = 5000;

export const useStoreStats = () => useQuery({ queryKey: [...KEY, 'stats'], queryFn: ({ signal }) => get<StoreStats>('/history/stats', signal), refetchInterval: STATS_MS });

/** The last check or merging that was asked for: the one under way, or how the last one ended. */
export const useStoreJob = () => useQuery({
	queryKey: [...KEY, 'job'],
	queryFn: ({ signal }) => get<Page<Job>>(`/jobs?kind.in=${KINDS}&limit=1`, signal),
	select: (p) => p.items[0],
	refetchInterval: (q) => (isUnderWay(q.state.data?.items[0]) ? LOOK_MS : false),
});

export const storageKey = KEY;
export const checkStore = () => call<Job>('POST', '/history/check');
export const mergeStore = () => call<Job>('POST', '/history/compact');
