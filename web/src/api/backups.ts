/* Backups of the whole platform: which there are, what is being made or checked. */
import { useQuery } from '@tanstack/react-query';
import { call, get } from './http';
import type { Job, Page } from './contract';

export interface Backup {
	/** "20260131T080000Z" */
	id: string;
	time: string;
	bytes: number;
	version?: string | null;
	sha256?: string | null;
	keys?: boolean;
	verified?: string | null;
	damaged?: boolean;
}
export interface Backups {
	items: Backup[];
	/** So many stay. */
	keep: number;
}

const KEY = ['backups'] as const;
const KINDS = 'backup.make,backup.verify';
const LOOK_MS = 1000;

export const isUnderWay = (j?: Job): boolean => j?.state === 'queued' || j?.state === 'running';

/** The last job about backups: the one under way, or how the last one ended. */
export const useBackupJob = () => useQuery({
	queryKey: [...KEY, 'job'],
	queryFn: ({ signal }) => get<Page<Job>>(`/jobs?kind.in=${KINDS}&limit=1`, signal),
	select: (p) => p.items[0],
	refetchInterval: (q) => (isUnderWay(q.state.data?.items[0]) ? LOOK_MS : false),
});

/** Asked anew whenever that job becomes another one or ends. */
export const useBackups = (job?: Job) => useQuery({
	queryKey: [...KEY, 'list', job?.id, isUnderWay(job)],
	queryFn: ({ signal }) => get<Backups>('/backups', signal),
	placeholderData: (before) => before,
});

export const backupsKey = KEY;
export const makeBackup = (passphrase: string) => call<Job>('POST', '/backups', { body: passphrase ? { passphrase } : {} });
export const verifyBackup = (id: string) => call<Job>('POST', `/backups/${id}/verify`);
export const deleteBackup = (id: string) => call('DELETE', `/backups/${id}`);
export const cancelJob = (id: string) => call<Job>('POST', `/jobs/${id}/cancel`);
