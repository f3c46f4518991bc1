/* Samples that people delete, erase and correct. */
import { useQuery } from '@tanstack/react-query';
import type { Job, Page, QuerySeries } from './contract';
import { get, post, query } from './http';

export interface Removal { id: string; state: string; samples: number; n_points: number }
export interface Correction {
	id: string;
	point: string;
	time: string;
	kind: 'corrected' | 'inserted';
	state: 'standing' | 'undone';
	before?: unknown;
	value?: unknown;
	reason: string;
	name: string;
	created: string;
}
export interface Range { points: string[]; from: string; to: string }

export const SAMPLES_SHOWN = 500;
const KEY = ['amend'] as const;
export const amendKey = KEY;

export const countSamples = (r: Range) => post<Removal>('/history/delete?dry_run=true', { ...r, reason: '-' });
export const deleteSamples = (r: Range, reason: string) => post<Removal>('/history/delete', { ...r, reason });
export const erasePoint = (point: string, reason: string, backups: boolean) => post<Job>('/history/erase', { points: [point], reason, backups });
export const correct = (point: string, time: string, value: unknown, reason: string) => post<Page<Correction>>('/corrections', { reason, corrections: [{ point, time, value }] });
export const undoCorrection = (id: string, reason: string) => post<Correction>(`/corrections/${id}/undo`, { reason });

/** Raw samples of one point, the oldest first. */
export const useSamples = (point: string, from: string, to: string) => useQuery({
	queryKey: [...KEY, 'samples', point, from, to],
	queryFn: ({ signal }) => post<{ series: (QuerySeries & { ns?: number[] })[]; truncated?: boolean }>('/query', { points: [point], from, to, limit: SAMPLES_SHOWN }, signal),
});
export const useCorrections = (point: string) => useQuery({
	queryKey: [...KEY, 'corrections', point],
	queryFn: ({ signal }) => get<Page<Correction>>(`/corrections${query({ point, limit: 200 })}`, signal),
});
