/* The questions the screens ask, as react-query knows them. */
import { keepPreviousData, useQuery, useQueryClient, type QueryClient } from '@tanstack/react-query';
import type { AuditEntry, Driver, Page, QuerySeries, Rec, Session, Status, ValueList } from './contract';
import { call, get, post, query, setCsrf } from './http';
import { linkRow, withSums, type RawLink } from '../lib/links';
import type { TypeForm, TypeRow } from '../form/description';

export const keys = {
	session: ['session'] as const,
	types: ['types'] as const,
	drivers: ['drivers'] as const,
	status: ['status'] as const,
	links: ['links'] as const,
	noun: (plural: string) => ['noun', plural] as const,
};

export async function fetchSession(): Promise<Session> {
	const s = (await call<Session>('GET', '/session', { quiet: true })).data;
	setCsrf(s.csrf ?? '');
	return s;
}
export const useSession = () => useQuery({ queryKey: keys.session, queryFn: fetchSession, staleTime: Infinity, retry: false });

export async function signIn(name: string, password: string): Promise<Session> {
	const s = (await call<Session>('POST', '/session', { body: { name, password }, quiet: true })).data;
	setCsrf(s.csrf ?? '');
	return s;
}
export interface SetUp {
	token: string;
	name: string;
	full_name?: string;
	password: string;
	lang: string;
}
export async function setUp(body: SetUp): Promise<Session> {
	const s = (await call<Session>('POST', '/setup', { body, quiet: true })).data;
	setCsrf(s.csrf ?? '');
	return s;
}
export const signOut = () => call('DELETE', '/session', { quiet: true });

export function useMay(): (permission: string) => boolean {
	const { data } = useSession();
	return (p) => data?.permissions?.includes(p) ?? false;
}

const HOUR = 3600e3;

export const useTypes = () =>
	useQuery({ queryKey: keys.types, queryFn: ({ signal }) => get<Page<TypeRow>>('/types', signal), staleTime: HOUR, select: (p) => p.items });

/** The form of a noun; variants come from the drivers where the type leaves them open. */
export function useType(plural: string): { row?: TypeRow; form?: TypeForm; error: unknown } {
	const types = useTypes();
	const row = types.data?.find((t) => t.plural === plural);
	return { row, form: row?.form, error: types.error };
}
export const useDrivers = () =>
	useQuery({ queryKey: keys.drivers, queryFn: ({ signal }) => get<Page<Driver>>('/drivers', signal), staleTime: HOUR, select: (p) => p.items, enabled: useMay()('link.read') });
export const useStatus = (enabled = true) =>
	useQuery({ queryKey: keys.status, queryFn: ({ signal }) => get<Status>('/status', signal), refetchInterval: 2000, enabled });
export const useValues = (params: Params, enabled = true) =>
	useQuery({
		queryKey: ['values', params], queryFn: ({ signal }) => get<ValueList>(`/values${query(params)}`, signal), refetchInterval: 3000,
		placeholderData: keepPreviousData, enabled,
	});
const selectLinks = (p: Page<RawLink>) => withSums(p.items.map(linkRow));
/** Who has not the right does not ask: each refusal would stand in the audit log. */
export const useLinks = (everyMs = 2000) =>
	useQuery({
		queryKey: keys.links, queryFn: ({ signal }) => get<Page<RawLink>>('/links', signal),
		refetchInterval: everyMs, select: selectLinks, enabled: useMay()('link.read'),
	});

export type Params = Record<string, string | number | boolean | undefined | null>;

export function useList<T = Rec>(plural: string, params: Params = {}, enabled = true) {
	return useQuery({
		queryKey: [...keys.noun(plural), 'list', params],
		queryFn: ({ signal }) => get<Page<T>>(`/${plural}${query(params)}`, signal),
		placeholderData: keepPreviousData, enabled,
	});
}

export const ALL_MAX = 20000;

/** Every record, page after page, up to a limit that is said when it is reached. */
export async function fetchAll<T = Rec>(plural: string, params: Params, signal?: AbortSignal): Promise<{ items: T[]; more: boolean }> {
	const items: T[] = [];
	let cursor: string | undefined;
	do {
		const page: Page<T> = await get<Page<T>>(`/${plural}${query({ ...params, limit: 1000, cursor })}`, signal);
		items.push(...page.items);
		cursor = page.next ?? undefined;
	} while (cursor && items.length < ALL_MAX);
	return { items, more: Boolean(cursor) };
}
export function useAll<T = Rec>(plural: string, params: Params = {}, enabled = true) {
	return useQuery({
		queryKey: [...keys.noun(plural), 'all', params],
		queryFn: ({ signal }) => fetchAll<T>(plural, params, signal),
		enabled, staleTime: 10e3,
	});
}

export interface Tagged {
	record: Rec;
	etag: string | null;
}
export async function fetchRecord(plural: string, id: string, signal?: AbortSignal): Promise<Tagged> {
	const a = await call<Rec>('GET', `/${plural}/${id}`, { signal });
	return { record: a.data, etag: a.etag ?? `"${a.data.rev}"` };
}
export function useRecord(plural: string, id: string | undefined) {
	return useQuery({
		queryKey: [...keys.noun(plural), 'one', id],
		queryFn: ({ signal }) => fetchRecord(plural, id!, signal),
		enabled: Boolean(id), gcTime: 0,
	});
}

export const createRecord = (plural: string, body: unknown) => post<Rec>(`/${plural}`, body);
export const patchRecord = async (plural: string, id: string, body: unknown, etag: string | null): Promise<Rec> =>
	(await call<Rec>('PATCH', `/${plural}/${id}`, { body, etag })).data;
export const deleteRecord = (plural: string, id: string, etag?: string | number | null) =>
	call('DELETE', `/${plural}/${id}`, { etag });

/** After a change: what hangs on the noun is asked again. */
export function refresh(client: QueryClient, plural: string): Promise<void> {
	void client.invalidateQueries({ queryKey: keys.links });
	return client.invalidateQueries({ queryKey: keys.noun(plural) });
}
export function useRefresh(): (plural: string) => Promise<void> {
	const client = useQueryClient();
	return (plural) => refresh(client, plural);
}

export interface QueryBody {
	points?: string[];
	labels?: string[];
	group_by?: string;
	across?: string;
	from: string;
	to: string;
	step?: string;
	aggregates?: string[];
	limit?: number;
}
export const querySamples = (body: QueryBody, signal?: AbortSignal) => post<{ series: QuerySeries[]; truncated?: boolean }>('/query', body, signal);

export const XLSX = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet';
/** The same as a workbook: a row a time, a column a point. */
export const queryBook = async (body: QueryBody & { zone_minutes: number; compare?: string }): Promise<Blob> =>
	(await call<Blob>('POST', '/query', { body, accept: XLSX })).data;

export const useAudit = (params: Params) => useList<AuditEntry>('audit', params);
