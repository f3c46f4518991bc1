/* Statements in SQL, and what they may name. */
import { useQuery } from '@tanstack/react-query';
import { call, get } from './http';
import type { Page, Rec } from './contract';

export interface SqlColumn {
	name: string;
	type: string;
	label?: string;
}
export interface SqlTables {
	/** False: the platform has no DuckDB. */
	available: boolean;
	functions: { name: string; arguments: string; columns: SqlColumn[] }[];
	tables: { name: string; title: string; columns: SqlColumn[] }[];
}
export type Cell = string | number | boolean | null | object;
export interface SqlAnswer {
	columns: SqlColumn[];
	rows: Cell[][];
	count: number;
	truncated: boolean;
	/** Something went wrong when part of the rows was there. */
	error?: { code: string; detail: string };
}

export const ROWS_MAX = 10000;
const zone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';

export const useSqlTables = (lang: string) => useQuery({ queryKey: ['sql', 'tables', lang], queryFn: ({ signal }) => get<SqlTables>('/sql/tables', signal) });

export const runSql = async (sql: string, signal: AbortSignal): Promise<SqlAnswer> =>
	(await call<SqlAnswer>('POST', '/sql', { body: { sql, zone: zone(), limit: ROWS_MAX, timeout: '60s' }, signal })).data;

/** All rows, however many, as a file. */
export const exportSql = async (sql: string, signal: AbortSignal): Promise<Blob> =>
	(await call<Blob>('POST', '/sql', { body: { sql, zone: zone(), limit: 10000000, timeout: '300s' }, accept: 'text/csv', signal })).data;

export const findPoints = async (words: string): Promise<Rec[]> =>
	(await get<Page<Rec>>(`/points?limit=20&sort=path&fields=id,path,name,unit${words ? `&q=${encodeURIComponent(words)}` : ''}`)).items;
