/*
 * Live values. One socket for the whole console; screens subscribe lists of points, cells listen to one point each, so a new
 * value draws one cell again and nothing else. The latest value of every subscribed point is kept, with the time of its arrival.
 */
import { useCallback, useEffect, useId, useSyncExternalStore } from 'react';
import type { Job, LinkFrames, Scalar } from './contract';
import { BASE, csrfToken, signedOut } from './http';

export interface LiveValue {
	/** Source time, µs since 1970. */
	t: number;
	v: Scalar;
	q: number;
}

export type SocketState = 'off' | 'connecting' | 'open' | 'lost';
type Frame = {
	op: string;
	id?: string;
	points?: string[];
	v?: [number, number, Scalar, number?][];
	detail?: string;
	job?: Job;
	frames?: LinkFrames;
};

interface Subscription {
	id: string;
	points: string[];
	/** The order of indexes in the frames of values: as the server said it. */
	order: string[];
	maxHz: number;
}

interface FrameWatch {
	id: string;
	connection: string;
	lang: string;
	last: number;
	fn: (f: LinkFrames) => void;
	fail: (detail: string) => void;
}

/** The subscription's name; those of points are made by useId() and never look like this. */
const JOBS = 'jobs';
const RETRY_MS = [500, 1000, 2000, 5000, 10000];

export class LiveClient {
	private socket: WebSocket | null = null;
	private subs = new Map<string, Subscription>();
	private values = new Map<string, LiveValue>();
	private cells = new Map<string, Set<() => void>>();
	private taps = new Set<(point: string, value: LiveValue) => void>();
	private watchers = new Set<() => void>();
	private jobWatchers = new Set<(job: Job) => void>();
	private frameWatches = new Map<string, FrameWatch>();
	private serial = 0;
	private tries = 0;
	private timer: ReturnType<typeof setTimeout> | undefined;
	state: SocketState = 'off';

	/** The same id again replaces what it subscribed before. */
	subscribe(id: string, points: string[], maxHz: number): void {
		if (!points.length) return this.unsubscribe(id);
		const sub = { id, points, order: [], maxHz };
		this.subs.set(id, sub);
		if (this.state === 'open') this.sendSubscribe(sub);
		else this.connect();
	}

	unsubscribe(id: string): void {
		if (this.subs.delete(id) && this.state === 'open') this.send({ op: 'unsubscribe', id });
	}

	get(point: string): LiveValue | undefined {
		return this.values.get(point);
	}
	listen(point: string, fn: () => void): () => void {
		let set = this.cells.get(point);
		if (!set) this.cells.set(point, (set = new Set()));
		set.add(fn);
		return () => {
			set.delete(fn);
			if (!set.size) this.cells.delete(point);
		};
	}
	/** Every value as it comes. */
	tap(fn: (point: string, value: LiveValue) => void): () => void {
		this.taps.add(fn);
		return () => this.taps.delete(fn);
	}
	/** Long work: every job that runs or changes. */
	watchJobs(fn: (job: Job) => void): () => void {
		this.jobWatchers.add(fn);
		if (this.state === 'open' && this.jobWatchers.size === 1) this.sendJobs();
		else this.connect();
		return () => {
			this.jobWatchers.delete(fn);
			if (!this.jobWatchers.size && this.state === 'open') this.send({ op: 'unsubscribe', id: JOBS });
		};
	}
	/** What passes on a connection, from its last frames on. */
	watchFrames(connection: string, lang: string, fn: (f: LinkFrames) => void, fail: (detail: string) => void): () => void {
		const w = { id: `frames-${++this.serial}`, connection, lang, last: 0, fn, fail };
		this.frameWatches.set(w.id, w);
		if (this.state === 'open') this.sendFrames(w);
		else this.connect();
		return () => {
			if (this.frameWatches.delete(w.id) && this.state === 'open') this.send({ op: 'unsubscribe', id: w.id });
		};
	}
	watch = (fn: () => void): (() => void) => {
		this.watchers.add(fn);
		return () => this.watchers.delete(fn);
	};
	getState = (): SocketState => this.state;

	close(): void {
		clearTimeout(this.timer);
		this.subs.clear();
		this.frameWatches.clear();
		this.values.clear();
		const s = this.socket;
		this.socket = null;
		s?.close();
		this.setState('off');
	}

	private setState(s: SocketState): void {
		if (this.state === s) return;
		this.state = s;
		this.watchers.forEach((fn) => fn());
	}

	private send(o: unknown): void {
		if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(o));
	}
	private sendSubscribe(s: Subscription): void {
		this.send({ op: 'subscribe', id: s.id, points: s.points, max_hz: s.maxHz });
	}

	private sendJobs(): void {
		this.send({ op: 'subscribe', id: JOBS, jobs: true });
	}

	private sendFrames(w: FrameWatch): void {
		this.send({ op: 'subscribe', id: w.id, frames: w.connection, lang: w.lang, after: w.last });
	}

	private onFrames(w: FrameWatch, f: Frame): void {
		if (f.op === 'error') {
			this.frameWatches.delete(w.id);
			w.fail(f.detail ?? '');
		}
		if (f.op !== 'frames' || !f.frames) return;
		w.last = f.frames.last;
		w.fn(f.frames);
	}

	private connect(): void {
		if (this.socket || !(this.subs.size || this.jobWatchers.size || this.frameWatches.size)) return;
		clearTimeout(this.timer);
		if (this.state !== 'lost') this.setState('connecting');
		const url = new URL(`${BASE}/live`, location.href);
		url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
		const socket = new WebSocket(url);
		this.socket = socket;
		socket.onopen = () => {
			this.send({ op: 'hello', csrf: csrfToken() });
		};
		socket.onmessage = (e) => {
			if (typeof e.data === 'string') this.onFrame(JSON.parse(e.data) as Frame);
		};
		socket.onclose = (e) => {
			if (this.socket !== socket) return;
			this.socket = null;
			if (e.code === 4401) signedOut();
			this.setState('lost');
			const wait = RETRY_MS[Math.min(this.tries++, RETRY_MS.length - 1)];
			this.timer = setTimeout(() => this.connect(), wait);
		};
	}

	private onFrame(f: Frame): void {
		if (f.op === 'hello') {
			this.tries = 0;
			this.setState('open');
			this.subs.forEach((s) => this.sendSubscribe(s));
			if (this.jobWatchers.size) this.sendJobs();
			this.frameWatches.forEach((w) => this.sendFrames(w));
			return;
		}
		if (f.op === 'job' && f.job) this.jobWatchers.forEach((fn) => fn(f.job!));
		const frames = this.frameWatches.get(f.id ?? '');
		if (frames) this.onFrames(frames, f);
		const sub = this.subs.get(f.id ?? '');
		if (!sub) return;
		if (f.op === 'subscribed') sub.order = f.points ?? sub.points;
		if (f.op !== 'values' || !f.v) return;
		const changed = new Set<string>();
		for (const [at, t, v, q] of f.v) {
			const point = sub.order[at];
			if (!point) continue;
			const value = { t, v, q: q ?? 0 };
			this.values.set(point, value);
			changed.add(point);
			this.taps.forEach((fn) => fn(point, value));
		}
		changed.forEach((p) => this.cells.get(p)?.forEach((fn) => fn()));
	}
}

export const live = new LiveClient();

/** Keeps the points subscribed while the screen is there. */
export function useSubscription(points: string[], maxHz = 2): void {
	const key = useId();
	const list = points.join(' ');
	useEffect(() => {
		live.subscribe(key, list ? list.split(' ') : [], maxHz);
		return () => live.unsubscribe(key);
	}, [key, list, maxHz]);
}

export function useLive(point: string): LiveValue | undefined {
	return useSyncExternalStore(
		(fn) => live.listen(point, fn),
		() => live.get(point),
	);
}

export function useSocketState(): SocketState {
	return useSyncExternalStore(live.watch, live.getState);
}

/** Of several points: draws again when one of them changes. */
export function useLives(points: string[]): (point: string) => LiveValue | undefined {
	const list = points.join(' ');
	const listen = useCallback((fn: () => void) => {
		const offs = (list ? list.split(' ') : []).map((p) => live.listen(p, fn));
		return () => offs.forEach((off) => off());
	}, [list]);
	useSyncExternalStore(listen, () => (list ? list.split(' ') : []).map((p) => {
		const x = live.get(p);
		return x ? `${x.t}:${x.q}:${String(x.v)}` : '';
	}).join(' '));
	return (p) => live.get(p);
}
