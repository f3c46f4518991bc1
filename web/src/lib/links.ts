/* State of connections, devices and scan groups as the engine reports it (src/link/link.h). */
import type { LinkRow, LinkState } from '../api/contract';

export interface RawLink extends Partial<Omit<LinkRow, 'reason'>> {
	id: string;
	reason?: string | { detail?: string } | null;
	period_ms?: number;
	n_points?: number;
	n_bad?: number;
	last_us?: number;
	p50_us?: number;
	achieved?: number;
	timeouts?: number;
	refused?: number;
	wrong?: number;
	failed?: number;
}

export type LinkClass = 'running' | 'wait' | 'off' | 'bad';
export function linkClass(s: LinkState): LinkClass {
	switch (s) {
		case 'up': case 'idle':
			return 'running';
		case 'disabled':
			return 'off';
		case 'down': case 'silent':
			return 'bad';
		default:
			return 'wait';
	}
}

export function linkRow(r: RawLink): LinkRow {
	const wanted = r.wanted_hz ?? (r.period_ms ? 1000 / r.period_ms : undefined);
	const errors = [r.timeouts, r.refused, r.wrong, r.failed].filter((n): n is number => typeof n === 'number');
	return {
		kind: r.kind ?? 'device', id: r.id, parent: r.parent, state: r.state ?? 'idle', since: r.since,
		reason: (typeof r.reason === 'string' ? r.reason : r.reason?.detail) || undefined,
		wanted_hz: wanted, rate_hz: r.rate_hz ?? (wanted !== undefined && r.achieved !== undefined ? wanted * r.achieved : undefined),
		cycle_ms: r.cycle_ms ?? (r.last_us !== undefined ? r.last_us / 1000 : undefined), requests: r.requests, missed: r.missed,
		errors: r.errors ?? (errors.length ? errors.reduce((a, b) => a + b, 0) : undefined),
		points: r.points ?? r.n_points, points_bad: r.points_bad ?? r.n_bad,
	};
}
