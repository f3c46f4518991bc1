/* Accounts, sessions, grants and approvals: what people may and what waits for a second one. */
import { useQuery } from '@tanstack/react-query';
import type { TypeForm } from '../form/description';
import { useList, useSession } from './calls';
import type { AuditEntry, Page, Rec } from './contract';
import { call, get } from './http';

export interface SessionInfo {
	id: string;
	peer: string;
	agent: string;
	created: string;
	last_used: string;
	expires: string;
	current: boolean;
}
export interface Approval extends Rec {
	title: string;
	title_zh: string;
	state: string;
	asker_name: string;
	reason?: string;
	expires: string;
	decider_name?: string;
	note?: string;
	outcome?: string;
	changes?: AuditEntry['changes'];
	own: boolean;
	may_decide: boolean;
}

export const peopleKeys = {
	approvals: ['approvals'] as const,
	sessions: (user?: string) => ['sessions', user ?? 'own'] as const,
	rules: ['sign-in-rules'] as const,
};

export const useSessions = (user?: string, enabled = true) =>
	useQuery({
		queryKey: peopleKeys.sessions(user), enabled,
		queryFn: ({ signal }) => get<Page<SessionInfo>>(user ? `/users/${user}/sessions` : '/sessions', signal), select: (p) => p.items,
	});
export const endSession = (id: string) => call('DELETE', `/sessions/${id}`);
export const endSessions = (user?: string) => call('DELETE', user ? `/users/${user}/sessions` : '/sessions');
export const unlockUser = (user: string) => call('POST', `/users/${user}/unlock`);

export const changePassword = (old: string, password: string) => call('PUT', '/session/password', { body: { old, password }, quiet: true });
export const resetPassword = (token: string, password: string) => call('POST', '/session/reset', { body: { token, password }, quiet: true });

/** Asked every half minute: the badge in the menu shows what waits for this person. */
export const useApprovals = (state?: string) =>
	useQuery({
		queryKey: [...peopleKeys.approvals, state ?? 'all'], refetchInterval: 30e3,
		queryFn: ({ signal }) => get<Page<Approval>>(`/approvals${state ? `?state=${state}` : ''}`, signal), select: (p) => p.items,
	});
export function useWaiting(): number {
	return useApprovals('pending').data?.filter((a) => a.may_decide).length ?? 0;
}
export const decide = async (id: string, yes: boolean, note: string): Promise<Approval> =>
	(await call<Approval>('POST', `/approvals/${id}/${yes ? 'approve' : 'refuse'}`, { body: note ? { note } : {} })).data;
export const withdraw = (id: string) => call('DELETE', `/approvals/${id}`);

export const useGrants = (field: 'user' | 'token', id: string) => useList<Rec>('grants', { [field]: id, limit: 100 });

export const useRules = () => useQuery({ queryKey: peopleKeys.rules, queryFn: ({ signal }) => get<Rec>('/sign-in-rules', signal) });
export const useRulesForm = () => useQuery({ queryKey: [...peopleKeys.rules, 'form'], queryFn: ({ signal }) => get<TypeForm>('/sign-in-rules/form', signal), staleTime: Infinity });
export const changeRules = (patch: unknown) => call<Rec>('PATCH', '/sign-in-rules', { text: { type: 'application/json', data: JSON.stringify(patch) } });

export interface Separation {
	on: boolean;
	system?: string;
	security?: string;
	audit?: string;
	administrator?: string;
}
export const separate = (body: Separation) => call('PUT', '/separation', { body });
export const useSeparated = (): boolean => useSession().data?.separated ?? false;
