/* What the server answers: only the members the console uses. The server's own description is /api/v1/openapi.json. */

import type { TypeForm } from '../form/description';

/** Every stored record begins with these. */
export interface Head {
	id: string;
	rev: number;
	created?: string;
	updated?: string;
}
export type Rec = Head & Record<string, unknown>;
export interface Page<T> {
	items: T[];
	next?: string | null;
	count?: number;
}

export interface Session {
	signed_in: boolean;
	needs_setup?: boolean;
	version: string;
	/** A demonstration plant is simulated beside the platform. */
	demo?: boolean;
	principal?: { kind: string; id: string; name: string; full_name?: string };
	role?: string;
	tenant?: { id: string; code: string; name: string };
	permissions?: string[];
	csrf?: string | null;
	lang?: string;
	/** Somebody else chose the password: nothing else is allowed before a new one is set. */
	password_due?: boolean;
	/** System, security and audit administrators are different people (三员分立). */
	separated?: boolean;
}

export interface FieldError {
	pointer: string;
	code: string;
	detail: string;
	args?: Record<string, unknown>;
}
/** RFC 9457. */
export interface ProblemBody {
	type?: string;
	code?: string;
	title?: string;
	status?: number;
	detail?: string;
	instance?: string;
	errors?: FieldError[];
	/** 412: the record as it stands now, and which fields differ. */
	current?: Rec;
	differs?: string[];
}

export type JobState = 'queued' | 'running' | 'done' | 'failed' | 'cancelled' | 'interrupted';
/** Long work. The live socket tells the first ones only. */
export interface Job {
	id: string;
	kind: string;
	title?: string | null;
	title_zh?: string | null;
	state: JobState;
	done?: number;
	total?: number;
	unit?: string | null;
	detail?: string | null;
	detail_zh?: string | null;
	eta?: string | null;
	created?: string;
	name?: string;
	file?: string;
	file_bytes?: number;
}

/** What passed on a connection once. */
export interface LinkFrame {
	seq: number;
	/** µs since 1970. */
	t: number;
	kind: 'out' | 'in' | 'silence' | 'opened' | 'closed';
	result?: string;
	bytes?: string;
	text: string;
}
export interface LinkFrames {
	items: LinkFrame[];
	last: number;
	/** So many passed and are not among the items. */
	dropped?: number;
}

export type Severity = 'good' | 'uncertain' | 'bad';
export type Scalar = number | string | boolean | null;

export interface Place extends Head {
	code: string;
	name?: string;
	level: string;
	parent?: string | null;
	[more: string]: unknown;
}
export interface Device extends Head {
	connection: string;
	place?: string | null;
	code: string;
	name?: string;
	enabled?: boolean;
	[more: string]: unknown;
}
export interface Group extends Head {
	device: string;
	code: string;
	name?: string;
	period_ms?: number;
	enabled?: boolean;
	[more: string]: unknown;
}
export interface Point extends Head {
	device: string;
	group: string;
	code: string;
	name?: string;
	description?: string;
	path?: string;
	address: string;
	type: string;
	unit?: string;
	access?: string;
	between?: 'step' | 'linear';
	decimals?: number | null;
	state_texts?: Record<string, string> | null;
	enabled?: boolean;
	[more: string]: unknown;
}

export interface Driver {
	name: string;
	title: string;
	title_zh?: string;
	doc?: string;
	doc_zh?: string;
	connection?: TypeForm;
	device?: TypeForm;
	caps?: string[];
	address?: { hint?: string; hint_zh?: string; examples?: string[] };
}

/** src/link/states.def */
export const LINK_STATES = ['disabled', 'idle', 'connecting', 'waiting', 'up', 'partly', 'late', 'suspect', 'silent', 'down'] as const;
export type LinkState = (typeof LINK_STATES)[number];
export interface LinkRow {
	kind: 'connection' | 'device' | 'group';
	id: string;
	parent?: string;
	state: LinkState;
	/** Why it is not running, in the reader's language. */
	reason?: string;
	since?: string;
	/** Cycles a second: reached and set. */
	rate_hz?: number;
	wanted_hz?: number;
	cycle_ms?: number;
	requests?: number;
	missed?: number;
	errors?: number;
	points?: number;
	points_bad?: number;
	/** Values a second, of all scan groups at or below. */
	values_asked?: number;
	values_reached?: number;
	/** Of connections and devices: what went wrong by kind, and what went over the wire. */
	timeouts?: number;
	refused?: number;
	wrong?: number;
	strays?: number;
	connects?: number;
	bytes_in?: number;
	bytes_out?: number;
	next_try?: string;
	/** Of scan groups. */
	period_ms?: number;
	achieved?: number;
	failed?: number;
	dropped?: number;
	p50_ms?: number;
	p99_ms?: number;
}

/** GET /status: what the start page shows of it. */
export interface Status {
	version: string;
	started: string;
	uptime_s: number;
	counts?: { devices?: number; points?: number; [noun: string]: number | undefined };
	log?: { appended: number; durable: number; backlog?: number; samples: number; samples_per_s?: number; disk_bytes: number; failing: string | null };
	history?: { head_samples: number; file_bytes: number; file_samples: number; bytes_per_sample: number };
	/** Of the data folder; null: not known. */
	disk?: { free: number; total: number } | null;
	/** The kernel's own account of its clock. */
	clock?: { synchronized: boolean; offset_us: number; error_us: number; error_max_us: number } | null;
	queues?: { name: string; len: number; max: number; bytes: number; max_bytes: number; dropped: number; refused: number }[];
}

/** GET /values */
export interface ValueRow {
	point: string;
	path: string;
	code: string;
	name?: string;
	unit?: string;
	device: string;
	state: string;
	/** µs; the last sample. */
	t: number | null;
	v: Scalar;
	q?: number;
	/** µs; when this quality began. */
	since?: number;
}
export interface ValueList {
	counts: { points: number; good: number; uncertain: number; bad: number; disabled: number; unknown: number };
	count: number;
	items: ValueRow[];
}

export interface AuditEntry {
	id: string;
	seq: number;
	time: string;
	kind?: string;
	name?: string;
	deed: string;
	outcome?: string;
	peer?: string;
	noun?: string;
	record?: string;
	changes?: {
		changes?: { noun?: string; id?: string; op?: string; before?: Record<string, unknown>; after?: Record<string, unknown>; [text: string]: unknown }[];
		not_listed?: number;
	} | null;
}

export interface QuerySeries {
	point: string;
	type: string;
	unit?: string;
	/** µs since 1970. */
	t: number[];
	v?: Scalar[];
	/** OPC UA status codes; absent: all good. */
	q?: number[] | null;
	path?: string;
	/** Of a group: its name, how many points it is of, how many of them had a value in each bucket. */
	group?: string;
	points?: number;
	with?: number[];
	/** Aggregates asked for, a column each, one entry a bucket; v is absent then. */
	min?: Scalar[];
	max?: Scalar[];
	avg?: Scalar[];
	count?: Scalar[];
	last?: Scalar[];
}

export interface ImportRecord extends Rec {
	noun: string;
	file?: string;
	by?: string;
	state: 'done' | 'undone' | 'partly_undone';
	made: number;
	changed: number;
	removed: number;
}
export interface UndoReport {
	deleted: number;
	restored: number;
	brought_back: number;
	kept: number;
	errors: { record: string; detail: string }[];
}
export interface ImportError {
	/** Line of the file, from 1 (the header). */
	line: number;
	column?: string | null;
	code: string;
	args?: Record<string, unknown>;
	detail: string;
}
export interface ImportReport {
	dry_run: boolean;
	/** Of the import, for undoing it. */
	import?: string | null;
	/** Line of the headings, and the field each column means; "": passed over; null: unknown. */
	head?: { line: number; fields: (string | null)[] };
	rows: number;
	deleted?: number;
	created: number;
	updated: number;
	unchanged: number;
	failed: number;
	errors: ImportError[];
}
