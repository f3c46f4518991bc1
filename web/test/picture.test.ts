/* Pictures of devices: what they bind exists, and bars stand where the record says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Point } from '../src/api/contract';
import { beyond, rangeOf, shareOf, ticksOf } from '../src/picture/range';
import { codesOf, templateFor, TEMPLATES, type Template } from '../src/picture/template';

const point = (more: Partial<Point>): Point => ({ id: 'x', rev: 1, device: 'd', group: 'g', code: 'P', address: '1', type: 'f32', ...more });
/** The register map of the simulated station. */
const map = readFileSync(join(import.meta.dirname, '../../src/sim/pump_points.def'), 'utf8');
const codes = [...map.matchAll(/^POINT\("([^"]+)"/gm)].map((m) => m[1]!);

describe('pictures', () => {
	it('bind only points that the simulated station has', () => {
		expect(codes.length).toBeGreaterThan(40);
		const station = TEMPLATES.find((t) => t.id === 'pump-station')!;
		expect(codesOf(station).length).toBeGreaterThan(15);
		expect(codesOf(station).filter((c) => !codes.includes(c))).toEqual([]);
	});
	it('show levels between the bounds of the instrument', () => {
		const station = TEMPLATES.find((t) => t.id === 'pump-station')!;
		for (const p of station.parts) {
			if (p.kind !== 'level' && p.kind !== 'gauge') continue;
			const row = new RegExp(`POINT\\("${p.point}",[^\\n]*?, READ, [\\d.]+,\\s*"[^"]*",\\s*(-?[\\d.e]+),\\s*(-?[\\d.e]+),`).exec(map);
			expect([p.min, p.max], p.point).toEqual([Number(row?.[1]), Number(row?.[2])]);
		}
	});
	it('speak both languages and stay within their frame', () => {
		for (const t of TEMPLATES) {
			expect(t.title && t.title_zh).toBeTruthy();
			for (const p of t.parts) {
				if ('text' in p) expect(p.text && p.text_zh, p.text).toBeTruthy();
				if ('x' in p) expect(p.x >= 0 && p.x <= t.width && p.y >= t.top && p.y <= t.height, JSON.stringify(p)).toBe(true);
			}
		}
	});
	it('are chosen by the codes a device has, the one that asks for more first', () => {
		const t = (id: string, needs: string[]): Template => ({ id, title: id, title_zh: id, needs, width: 1, top: 0, height: 1, parts: [] });
		const all = [t('one', ['A']), t('two', ['A', 'B']), t('three', ['A', 'B', 'C'])];
		expect([templateFor([point({ code: 'A' }), point({ code: 'B' })], all)?.id, templateFor([point({ code: 'Z' })], all)]).toEqual(['two', undefined]);
	});
});

describe('bars', () => {
	it('stand between range, limits, set-points or 0 and 100 %, in this order, or not at all', () => {
		expect(rangeOf(point({ eng_min: -20, eng_max: 80, limit_h: 60, limit_l: 0 }))).toEqual({ min: -20, max: 80 });
		expect(rangeOf(point({ limit_ll: 0, limit_hh: 100 }))).toEqual({ min: -15, max: 115 });
		expect(rangeOf(point({ write_min: 0, write_max: 4 }))).toEqual({ min: 0, max: 4 });
		expect(rangeOf(point({ unit: '%' }))).toEqual({ min: 0, max: 100 });
		expect([rangeOf(point({ unit: 'kPa' })), rangeOf(point({ limit_h: 5 })), rangeOf(point({ eng_min: 5, eng_max: 5 }))]).toEqual([undefined, undefined, undefined]);
	});
	it('say which limit is passed', () => {
		const p = point({ limit_ll: 1, limit_l: 2, limit_h: 8, limit_hh: 9 });
		expect([0.5, 1.5, 5, 8, 9].map((v) => beyond(v, p))).toEqual(['bad', 'warn', '', 'warn', 'bad']);
		expect(ticksOf(p, { min: 0, max: 10 }).map((t) => [t.name, t.at])).toEqual([['LL', 0.1], ['L', 0.2], ['H', 0.8], ['HH', 0.9]]);
		expect([shareOf(-5, { min: 0, max: 10 }), shareOf(5, { min: 0, max: 10 }), shareOf(50, { min: 0, max: 10 })]).toEqual([0, 0.5, 1]);
	});
});
