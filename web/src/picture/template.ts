/*
 * Pictures of devices as data. A file in assets/pictures says which symbols stand where, once for a wide and once for a narrow screen, and
 * which points they show; rules.ts says which device gets it. Codes hold # where the device's number stands: TT-#01 is TT-201 of oven 2.
 */
interface At {
	x: number;
	y: number;
}
interface Said {
	text: string;
	text_zh: string;
}
interface Box extends At {
	w: number;
	h: number;
}
interface Span {
	min: number;
	max: number;
}
export type Part =
	| { kind: 'ground'; y: number }
	| { kind: 'legs'; x: number; y: number; w: number; to: number }
	| { kind: 'pipe'; d: string; flow?: string }
	| { kind: 'line'; d: string; cls: 'wall' | 'soft' | 'solid' }
	| (Box & { kind: 'frame'; look?: 'panel' | 'steel' })
	| (Box & Span & { kind: 'level'; point: string; open?: boolean; low?: string; high?: string; start?: string; stop?: string })
	| (At & { kind: 'pump'; r: number; run: string; trip?: string })
	| (At & { kind: 'motor'; run: string; stem: number })
	| (At & { kind: 'fan'; r: number; run: string })
	| (At & { kind: 'check' })
	| (At & { kind: 'valve'; point: string; open?: string; shut?: string })
	| (At & Span & { kind: 'gauge'; point: string; r: number; stem?: number })
	| (At & { kind: 'meter'; letters: string; r: number })
	| (Box & Span & { kind: 'column'; point: string; set?: string })
	| (Box & { kind: 'heater'; point: string })
	| (Box & { kind: 'door'; point: string })
	| (At & { kind: 'belt'; point: string; w: number })
	| (At & { kind: 'spindle'; point: string; load?: string })
	| (At & { kind: 'worktable'; feed: string; w: number })
	| (At & { kind: 'coolant'; flow: string; h: number })
	| (At & { kind: 'beacon' })
	| (Box & { kind: 'triangle'; p: string; q: string })
	| (At & { kind: 'phase'; letters: string; to: number })
	| (Box & { kind: 'display'; point: string })
	| (At & { kind: 'state'; w: number })
	| (At & { kind: 'alarm'; point: string; w: number })
	| (At & { kind: 'progress'; point: string; of: string; w: number } & Said)
	| (At & Partial<Said> & { kind: 'tag'; point: string; w?: number; big?: boolean; bar?: [number, number] })
	| (At & { kind: 'tags'; points: (string | [string, number, number])[]; w: number; columns: number })
	| (At & Said & { kind: 'lamp'; point: string; on: 'run' | 'warn' | 'bad' })
	| (At & Said & { kind: 'caption'; align?: 'start' | 'middle' | 'end' });

/** A block of parts put somewhere, larger or smaller; {n} in its codes and texts is the number given here. */
export interface Placed extends At {
	kind: 'block';
	name: string;
	n?: number;
	scale?: number;
}
export interface Layout {
	width: number;
	/** Of the part that is shown; height: where it ends. */
	top: number;
	height: number;
	parts: (Part | Placed)[];
}

/** What the machine does: alarm and warn need a person; setup, idle and stop do not. */
export type StateClass = 'alarm' | 'warn' | 'run' | 'setup' | 'idle' | 'stop';
/** Holds when one of the points has one of the values, or (`over`) is beyond its limits; without points: always. */
export interface StateRule extends Said {
	points?: string[];
	is?: number[];
	over?: boolean;
	as: StateClass;
}
export interface Template extends Said {
	id: string;
	/** What stands on the tile of the plant: the first three the device has. */
	keys: string[];
	/** The first that holds. */
	state: StateRule[];
	blocks?: Record<string, Part[]>;
	wide: Layout;
	narrow: Layout;
}

const files = import.meta.glob<Template>('../assets/pictures/*.json', { eager: true, import: 'default' });
export const TEMPLATES: Map<string, Template> = new Map(Object.values(files).map((t) => [t.id, t]));

/** A part with what its block puts before it. */
export interface Drawn {
	part: Part;
	dx: number;
	dy: number;
	scale: number;
}

/** The parts of a layout, blocks resolved. */
export function partsOf(t: Template, layout: Layout): Drawn[] {
	return layout.parts.flatMap((p): Drawn[] => {
		if (p.kind !== 'block') return [{ part: p, dx: 0, dy: 0, scale: 1 }];
		const text = JSON.stringify(t.blocks?.[p.name] ?? []).replaceAll('{n}', String(p.n ?? ''));
		return (JSON.parse(text) as Part[]).map((part) => ({ part, dx: p.x, dy: p.y, scale: p.scale ?? 1 }));
	});
}

const KEYS = ['point', 'flow', 'run', 'trip', 'low', 'high', 'open', 'shut', 'start', 'stop', 'set', 'load', 'feed', 'of', 'p', 'q'] as const;
/** Every code a part binds. */
export function codesOfPart(part: Part): string[] {
	const given = part as unknown as Record<string, unknown>;
	const single = KEYS.flatMap((k) => (typeof given[k] === 'string' ? [given[k]] : []));
	return part.kind === 'tags' ? part.points.map((p) => (typeof p === 'string' ? p : p[0])) : single;
}
export const codesOfState = (t: Template): string[] => [...new Set(t.state.flatMap((s) => s.points ?? []))];

/** Every code a picture binds, in both layouts. */
export function codesOf(t: Template): string[] {
	const parts = [t.wide, t.narrow].flatMap((l) => partsOf(t, l));
	return [...new Set([...parts.flatMap((d) => codesOfPart(d.part)), ...t.keys, ...codesOfState(t)])];
}
