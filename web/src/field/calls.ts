/* What is asked of devices: commands, tests, raw reads, scans, plans. */
import type { Rec, Scalar } from '../api/contract';
import { BASE, call, csrfToken, get, post, Problem } from '../api/http';

export interface Command extends Rec {
	state: 'waiting' | 'done' | 'unchecked' | 'differs' | 'refused' | 'unknown' | 'stopped';
	value: Scalar;
	before?: Scalar;
	after?: Scalar;
	ramp?: number | null;
	detail?: string;
	detail_zh?: string;
}
export const sendCommand = async (point: string, body: { value: Scalar; reason?: string; confirm: boolean }): Promise<Command | { approval: Rec }> =>
	(await call<Command | { approval: Rec }>('POST', `/points/${point}/command`, { body })).data;
export const fetchCommand = (id: string): Promise<Command> => get<Command>(`/commands/${id}`);
export const stopCommand = (id: string): Promise<Command> => post<Command>(`/commands/${id}/stop`);

export interface Whom {
	connection?: string;
	device?: string;
	driver?: string;
	config?: unknown;
	device_config?: unknown;
}
export interface Step {
	step: string;
	title: string;
	state: 'ok' | 'failed' | 'skipped';
	error: { detail: string } | null;
	found: string | null;
	hint: string | null;
	ms: number;
}

/** A line a step, as it happens. */
export async function testLink(whom: Whom, lang: string, onStep: (s: Step) => void, signal: AbortSignal): Promise<void> {
	const response = await fetch(`${BASE}/links/test`, {
		method: 'POST', credentials: 'same-origin', signal, body: JSON.stringify(whom),
		headers: { 'Content-Type': 'application/json', Accept: 'application/x-ndjson, application/problem+json', 'Accept-Language': lang, 'X-CSRF-Token': csrfToken() },
	});
	if (!response.ok || !response.body) throw new Problem(response.status, await response.json());
	const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
	let rest = '';
	for (;;) {
		const { value, done } = await reader.read();
		if (done) return;
		const lines = (rest + value).split('\n');
		rest = lines.pop() ?? '';
		lines.forEach((line) => onStep(JSON.parse(line) as Step));
	}
}

export interface Peek {
	registers?: string[];
	bits?: string[];
	readings?: { type: string; byte_order: string; values: Scalar[] }[];
	texts?: { encoding: string; byte_order: string; text: string }[];
	bcd?: (number | null)[];
	values?: boolean[];
}
export const peek = (body: Whom & { address: string; count: number }): Promise<Peek> => post<Peek>('/links/peek', body);

export interface Plan {
	group: string;
	code: string;
	device: string;
	period_ms: number;
	points: number;
	requests: number;
	items: number;
	holes: number;
	asked_hz: number;
	achieved_hz: number;
	p50_us: number;
	list: { range: string; points: number; items: number; holes: number; last_us: number; worst_us: number; failed: number; failing: boolean }[];
}
export const fetchPlan = (id: string, signal?: AbortSignal): Promise<{ items: Plan[] }> => get(`/links/${id}/plan`, signal);

export interface Scan extends Rec {
	state: string;
	done: number;
	total: number;
	detail?: string;
	detail_zh?: string;
	result?: { found: { unit: number; who: string }[] } | null;
}
export const startScan = (connection: string, from: number, to: number): Promise<Scan> => post<Scan>('/links/scan', { connection, from, to });
export const fetchScan = (id: string): Promise<Scan> => get<Scan>(`/jobs/${id}`);
export const cancelScan = (id: string): Promise<Scan> => post<Scan>(`/jobs/${id}/cancel`);
