/* State of connections, devices and scan groups as the engine reports it (src/link/link.h). */
import type { LinkRow, LinkState } from '../api/contract';

export interface RawLink extends Partial<Omit<LinkRow, 'reason' | 'next_try'>> {
	id: string;
	reason?: string | { detail?: string } | null;
	next_try?: string | null;
	bad?: number;
	last_us?: number;
	p50_us?: number;
	p99_us?: number;
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

/** Does it need a person? Waiting for a connection that is down counts, a cycle missed does not. */
export const isTroubled = (r: LinkRow | undefined): boolean => r !== undefined && (linkClass(r.state) === 'bad' || r.state === 'waiting');

export function linkRow(r: RawLink): LinkRow {
	const wanted = r.wanted_hz ?? (r.period_ms ? 1000 / r.period_ms : undefined);
	const errors = [r.timeouts, r.refused, r.wrong, r.failed].filter((n): n is number => typeof n === 'number');
	return {
		kind: r.kind ?? 'device', id: r.id, parent: r.parent, state: r.state ?? 'idle', since: r.since,
		reason: (typeof r.reason === 'string' ? r.reason : r.reason?.detail) || undefined,
		wanted_hz: wanted, rate_hz: r.rate_hz ?? (wanted !== undefined && r.achieved !== undefined ? wanted * r.achieved : undefined),
		cycle_ms: r.cycle_ms ?? (r.last_us !== undefined ? r.last_us / 1000 : undefined), requests: r.requests, missed: r.missed,
		errors: r.errors ?? (errors.length ? errors.reduce((a, b) => a + b, 0) : undefined),
		points: r.points, points_bad: r.bad,
		timeouts: r.timeouts, refused: r.refused, wrong: r.wrong, strays: r.strays, connects: r.connects, bytes_in: r.bytes_in, bytes_out: r.bytes_out,
		next_try: r.next_try ?? undefined, period_ms: r.period_ms, achieved: r.achieved, failed: r.failed, dropped: r.dropped,
		p50_ms: r.p50_us === undefined ? undefined : r.p50_us / 1000, p99_ms: r.p99_us === undefined ? undefined : r.p99_us / 1000,
	};
}

interface Sum {
	points: number;
	bad: number;
	missed: number;
	asked: number;
	reached: number;
}

/** What scan groups say belongs to their device and its connection too; why a device waits is said by its connection. */
export function withSums(rows: LinkRow[]): LinkRow[] {
	const byId = new Map(rows.map((r) => [r.id, r]));
	const sums = new Map<string, Sum>();
	for (const g of rows) {
		if (g.kind !== 'group') continue;
		const asked = (g.points ?? 0) * (g.wanted_hz ?? 0);
		for (let at = g.parent; at; at = byId.get(at)?.parent) {
			const s = sums.get(at) ?? { points: 0, bad: 0, missed: 0, asked: 0, reached: 0 };
			sums.set(at, {
				points: s.points + (g.points ?? 0), bad: s.bad + (g.points_bad ?? 0), missed: s.missed + (g.missed ?? 0),
				asked: s.asked + asked, reached: s.reached + (g.points ?? 0) * (g.rate_hz ?? 0),
			});
		}
	}
	return rows.map((r) => {
		const s = sums.get(r.id);
		if (r.kind === 'group') return { ...r, values_asked: (r.points ?? 0) * (r.wanted_hz ?? 0), values_reached: (r.points ?? 0) * (r.rate_hz ?? 0) };
		const over = r.kind === 'device' && r.state === 'waiting' ? byId.get(r.parent ?? '') : undefined;
		return {
			...r, reason: r.reason ?? over?.reason,
			...(s && { points: s.points, points_bad: s.bad, missed: s.missed, values_asked: s.asked, values_reached: s.reached }),
		};
	});
}

export interface Health {
	devices: { total: number; online: number; offline: number; disabled: number };
	points: { total: number; good: number; bad: number };
}
export function healthOf(rows: LinkRow[]): Health {
	const out: Health = { devices: { total: 0, online: 0, offline: 0, disabled: 0 }, points: { total: 0, good: 0, bad: 0 } };
	for (const r of rows) {
		if (r.kind === 'device') {
			out.devices.total++;
			if (r.state === 'disabled') out.devices.disabled++;
			else if (['silent', 'down', 'waiting', 'connecting'].includes(r.state)) out.devices.offline++;
			else out.devices.online++;
		} else if (r.kind === 'group') {
			out.points.total += r.points ?? 0;
			out.points.bad += r.points_bad ?? 0;
		}
	}
	out.points.good = out.points.total - out.points.bad;
	return out;
}
