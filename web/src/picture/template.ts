/*
 * Pictures of devices as data: a file in assets/pictures says which points a device must have, and which symbols stand where. Live
 * values are bound by the code of the point. What a device has no picture for is shown as cards (cards.ts).
 */
import type { Point } from '../api/contract';

interface At {
	x: number;
	y: number;
}
interface Said {
	text: string;
	text_zh: string;
}
export type Part =
	| { kind: 'ground'; y: number }
	| { kind: 'legs'; x: number; y: number; w: number; to: number }
	| { kind: 'pipe'; d: string; flow?: string }
	| (At & { kind: 'level'; point: string; w: number; h: number; min: number; max: number; open?: boolean; low?: string; high?: string; start?: string; stop?: string })
	| (At & { kind: 'pump'; r: number; run: string; trip?: string })
	| (At & { kind: 'motor'; run: string; stem: number })
	| (At & { kind: 'check' })
	| (At & { kind: 'valve'; point: string; open?: string; shut?: string })
	| (At & { kind: 'gauge'; point: string; r: number; min: number; max: number; stem?: number })
	| (At & { kind: 'meter'; letters: string; r: number })
	| (At & { kind: 'tag'; point: string })
	| (At & Said & { kind: 'lamp'; point: string; on: 'run' | 'warn' | 'bad' })
	| (At & Said & { kind: 'caption'; align?: 'start' | 'middle' | 'end' });

export interface Template {
	id: string;
	title: string;
	title_zh: string;
	/** Codes a device must have for this picture. */
	needs: string[];
	width: number;
	/** Of the part that is shown; height: where it ends. */
	top: number;
	height: number;
	parts: Part[];
}

const files = import.meta.glob<Template>('../assets/pictures/*.json', { eager: true, import: 'default' });
export const TEMPLATES: Template[] = Object.values(files);

/** The picture that asks for most of what the device has; undefined: none fits. */
export function templateFor(points: Point[], all = TEMPLATES): Template | undefined {
	const codes = new Set(points.map((p) => p.code));
	return all.filter((t) => t.needs.every((c) => codes.has(c))).sort((a, b) => b.needs.length - a.needs.length)[0];
}

/** Every code a picture binds. */
export function codesOf(t: Template): string[] {
	const keys = ['point', 'flow', 'run', 'trip', 'low', 'high', 'open', 'shut', 'start', 'stop'] as const;
	const codes = t.parts.flatMap((p) => keys.flatMap((k) => {
		const v = (p as unknown as Record<string, unknown>)[k];
		return typeof v === 'string' ? [v] : [];
	}));
	return [...new Set(codes)];
}
