/* The one way to the server: JSON in and out, the session's CSRF token on every change, problems as errors. */
import type { FieldError, ProblemBody } from './contract';

export const BASE = '/api/v1';

let csrf = '';
let language = 'zh';
let onSignedOut: () => void = () => {};

let skewMs = 0;
/** The server's clock, as its answers tell it (to the second); ages and live windows are counted on it. */
export function serverNow(): number {
	return Date.now() + skewMs;
}

export function setCsrf(token: string): void {
	csrf = token;
}
export function csrfToken(): string {
	return csrf;
}
export function setRequestLanguage(lang: string): void {
	language = lang;
}
/** Called when the server says that nobody is signed in (any more). */
export function whenSignedOut(fn: () => void): void {
	onSignedOut = fn;
}

/** The socket was told so: asked in the same way. */
export function signedOut(): void {
	onSignedOut();
}

/** A request the server refused, or that did not reach it (status 0). */
export class Problem extends Error {
	readonly status: number;
	readonly code: string;
	readonly body: ProblemBody;

	constructor(status: number, body: ProblemBody) {
		super(body.detail || body.title || `HTTP ${status}`);
		this.status = status;
		this.body = body;
		this.code = body.code ?? (body.type ?? '').split('/').pop() ?? '';
	}

	get errors(): FieldError[] {
		return this.body.errors ?? [];
	}
}

export interface Answer<T> {
	data: T;
	etag: string | null;
	response: Response;
}

interface Options {
	body?: unknown;
	/** Sent as it is instead of JSON. */
	text?: { type: string; data: string | Blob };
	/** What is wanted instead of JSON: handed on as a Blob. */
	accept?: string;
	etag?: string | number | null;
	signal?: AbortSignal;
	/** Do not treat 401 as "the session ended". */
	quiet?: boolean;
}

function newKey(): string {
	const b = crypto.getRandomValues(new Uint8Array(16));
	return Array.from(b, (x) => x.toString(16).padStart(2, '0')).join('');
}

export async function call<T>(method: string, path: string, o: Options = {}): Promise<Answer<T>> {
	const headers: Record<string, string> = {
		Accept: `${o.accept ?? 'application/json'}, application/problem+json`,
		'Accept-Language': language === 'zh' ? 'zh-CN' : 'en',
	};
	let body: string | Blob | undefined;
	if (o.text) {
		headers['Content-Type'] = o.text.type;
		body = o.text.data;
	} else if (o.body !== undefined) {
		headers['Content-Type'] = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
		body = JSON.stringify(o.body);
	}
	if (method !== 'GET') {
		if (csrf) headers['X-CSRF-Token'] = csrf;
		if (method === 'POST') headers['Idempotency-Key'] = newKey();
	}
	if (o.etag !== undefined && o.etag !== null) {
		const tag = String(o.etag);
		headers['If-Match'] = tag.startsWith('"') ? tag : `"${tag}"`;
	}
	let response: Response;
	try {
		response = await fetch(BASE + path, { method, headers, body, signal: o.signal, credentials: 'same-origin' });
	} catch (e) {
		if (e instanceof DOMException && e.name === 'AbortError') throw e;
		throw new Problem(0, { type: '/errors/unreachable' });
	}
	const date = Date.parse(response.headers.get('Date') ?? '');
	if (!Number.isNaN(date)) {
		const off = date + 500 - Date.now();
		skewMs = Math.abs(off) > 2000 ? off : 0;
	}
	if (o.accept && response.ok) return { data: (await response.blob()) as T, etag: null, response };
	const text = await response.text();
	let data: unknown = null;
	if (text) {
		try {
			data = JSON.parse(text);
		} catch {
			if (response.ok) throw new Problem(502, { type: '/errors/unreadable' });
			data = { detail: text.slice(0, 300) };
		}
	}
	if (!response.ok) {
		if (response.status === 401 && !o.quiet) onSignedOut();
		throw new Problem(response.status, (data ?? {}) as ProblemBody);
	}
	/* Nothing was done yet: a second person must agree. For whoever called it did not happen. */
	if (response.status === 202 && data && typeof data === 'object' && 'approval' in data)
		throw new Problem(202, { code: 'awaits_approval', status: 202 });
	return { data: data as T, etag: response.headers.get('ETag'), response };
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
	return (await call<T>('GET', path, { signal })).data;
}
export async function post<T>(path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
	return (await call<T>('POST', path, { body: body ?? {}, signal })).data;
}

/** "?a=1&b=2" of what is set. */
export function query(params: Record<string, string | number | boolean | undefined | null>): string {
	const p = new URLSearchParams();
	for (const [k, v] of Object.entries(params)) if (v !== undefined && v !== null && v !== '') p.set(k, String(v));
	const s = p.toString();
	return s ? `?${s}` : '';
}
