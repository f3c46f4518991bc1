/* Pictures of devices: which one a device gets, that what they bind exists, and what they draw of given values. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderToStaticMarkup } from 'react-dom/server';
import type { TFunction } from 'i18next';
import { describe, expect, it } from 'vitest';
import type { Device, LinkRow, Point } from '../src/api/contract';
import en from '../src/i18n/en.json';
import zh from '../src/i18n/zh.json';
import { WAITING } from '../src/lib/quality';
import { plantTree } from '../src/lib/tree';
import type { Pen } from '../src/picture/draw';
import { byPlace, byState, filtered } from '../src/picture/order';
import { beyond, limitPassed, rangeOf, shareOf, ticksOf } from '../src/picture/range';
import { fit, fitReason, readingOf, sizeFor, stateOf, type Reading } from '../src/picture/reading';
import { picturesFor, RULES } from '../src/picture/rules';
import { Symbol } from '../src/picture/Symbols';
import { codesOf, codesOfState, partsOf, TEMPLATES, type Part, type Template } from '../src/picture/template';

const point = (more: Partial<Point>): Point => ({ id: more.code ?? 'x', rev: 1, device: 'd', group: 'g', code: 'P', address: '1', type: 'f32', ...more });

/** The register maps of the simulated machines: [code, name, name_zh, type, unit, low, high, decimals, states macro or null]. */
const MAPS = { 'pump-station': ['pump', '1'], oven: ['oven', '2'], 'machining-centre': ['cnc', '3'], 'energy-meter': ['meter', ''] } as const;
const ROW = /^POINT\("([^"]+)",\s*"([^"]+)",\s*"[^"]+",\s*"\d+",\s*(\w+), \w+,\s*[\d.e-]+,\s*"([^"]*)",\s*(-?[\d.e]+),\s*(-?[\d.e]+),\s*(-?\d+), "\w+",\s*(\w+)/gm;
interface MapRow {
	point: Point;
	low: number;
	high: number;
}
function mapOf(id: keyof typeof MAPS): Map<string, MapRow> {
	const text = readFileSync(join(import.meta.dirname, `../../src/sim/${MAPS[id][0]}_points.def`), 'utf8');
	return new Map([...text.matchAll(ROW)].map((m) => [m[1]!, {
		low: Number(m[5]), high: Number(m[6]),
		point: point({ code: m[1]!, name: m[2], type: m[3]!.toLowerCase(), unit: m[4], decimals: Number(m[7]), state_texts: m[8] === 'NONE' ? null : { 0: 'off', 1: 'on' } }),
	}]));
}
const pointsOf = (id: keyof typeof MAPS): Point[] => [...mapOf(id).values()].map((r) => r.point);
const IDS = Object.keys(MAPS) as (keyof typeof MAPS)[];

const tOf = (tree: object) => ((key: string) => String(key.split('.').reduce((o: unknown, k) => (o as Record<string, unknown>)?.[k], tree) ?? key)) as unknown as TFunction;
const pen = (read: Pen['read'], more: Partial<Pen> = {}): Pen => ({ read, state: { as: 'run', said: { text: 'Running', text_zh: '运行' } }, lang: 'en', t: tOf(en), link: (id) => ({ href: `/trend?p=${id}` }), hatch: 'hatch', ...more });
const draw = (part: Part, p: Pen): string => renderToStaticMarkup(<svg><Symbol part={part} pen={p} /></svg>);
const reads = (list: Record<string, Reading>) => (code: string | undefined) => (code ? list[code] : undefined);
const good = (p: Point, v: number | boolean): Reading => readingOf(p, { t: 1, v, q: 0 });

describe('the choice of a picture', () => {
	it('is right for every machine of the simulated plant', () => {
		for (const id of IDS) {
			const found = picturesFor(pointsOf(id));
			expect(found.map((b) => [b.template.id, b.number]), id).toEqual([[id, MAPS[id][1]]]);
		}
	});
	it('takes any number for #, but one for all, and shows two machines behind one PLC as two', () => {
		const oven = pointsOf('oven');
		const as = (n: string): Point[] => oven.map((p) => ({ ...p, id: `${p.id}/${n}`, code: p.code.replace('-2', `-${n}`) }));
		expect(picturesFor(as('12')).map((b) => [b.template.id, b.number])).toEqual([['oven', '12']]);
		expect(picturesFor([...as('5'), ...as('4')]).map((b) => b.number)).toEqual(['4', '5']);
		const torn = oven.map((p) => (p.code === 'TT-202' ? { ...p, code: 'TT-302' } : p));
		expect(picturesFor(torn)).toEqual([]);
	});
	it('knows other names of the same point', () => {
		const other: Record<string, string> = { U1: 'Ua', U2: 'Ub', U3: 'Uc', I1: 'IA', I2: 'IB', I3: 'IC', P: 'Pt' };
		const found = picturesFor(pointsOf('energy-meter').map((p) => ({ ...p, code: other[p.code] ?? p.code })));
		expect([found[0]?.template.id, found[0]?.points.get('U1')?.code]).toEqual(['energy-meter', 'Ua']);
	});
	it('leaves out every device that lacks a point the rule asks for', () => {
		for (const rule of RULES) {
			const points = pointsOf(rule.picture as keyof typeof MAPS);
			const number = MAPS[rule.picture as keyof typeof MAPS][1];
			for (const need of rule.needs) expect(picturesFor(points.filter((p) => p.code !== need.replace('#', number))), need).toEqual([]);
		}
		expect(picturesFor([])).toEqual([]);
	});
});

describe('pictures', () => {
	it('bind only points that the simulated machines have, but for a program that ours does not tell', () => {
		for (const id of IDS) {
			const codes = codesOf(TEMPLATES.get(id)!).map((c) => c.replace('#', MAPS[id][1]));
			expect(codes.length).toBeGreaterThan(15);
			expect(codes.filter((c) => !mapOf(id).has(c)), id).toEqual(id === 'machining-centre' ? ['PN-301'] : []);
		}
		expect([...TEMPLATES.keys()].sort()).toEqual(RULES.map((r) => r.picture).sort());
	});
	it('show bars, levels and gauges between the bounds of the instrument', () => {
		let n = 0;
		for (const id of IDS) {
			const check = (code: string, min: number, max: number): void => {
				const row = mapOf(id).get(code.replace('#', MAPS[id][1]))!;
				expect([min, max], code).toEqual([row.low, row.high]);
				n++;
			};
			for (const d of [TEMPLATES.get(id)!.wide, TEMPLATES.get(id)!.narrow].flatMap((l) => partsOf(TEMPLATES.get(id)!, l))) {
				const p = d.part;
				if (p.kind === 'level' || p.kind === 'gauge' || p.kind === 'column') check(p.point, p.min, p.max);
				if (p.kind === 'tag' && p.bar) check(p.point, ...p.bar);
				if (p.kind === 'tags') p.points.forEach((x) => typeof x !== 'string' && check(x[0], x[1], x[2]));
			}
		}
		expect(n).toBeGreaterThan(80);
	});
	it('speak both languages and stay within their frame, wide and narrow', () => {
		for (const t of TEMPLATES.values()) {
			for (const s of [t, ...t.state]) expect(s.text && s.text_zh).toBeTruthy();
			for (const layout of [t.wide, t.narrow])
				for (const { part, dx, dy, scale } of partsOf(t, layout)) {
					if ('text' in part) expect(Boolean(part.text && part.text_zh), part.text).toBe(true);
					if (!('x' in part)) continue;
					const [x, y] = [dx + part.x * scale, dy + part.y * scale];
					const right = x + ('w' in part && part.w && part.kind !== 'worktable' ? part.w * scale : 0);
					expect(x >= 0 && right <= layout.width && y >= layout.top && y <= layout.height, `${t.id} ${JSON.stringify(part)}`).toBe(true);
				}
		}
	});
	it('draw every point of the machine in both layouts, with values, without, and with bad ones, and never NaN', () => {
		const cases: ((p: Point) => Reading)[] = [(p) => good(p, p.type === 'bool' ? true : 1), (p) => readingOf(p, undefined), (p) => readingOf(p, { t: 1, v: null, q: 0x80310000 }), (p) => readingOf(p, { t: 1, v: 7, q: 0 }, true)];
		for (const id of IDS) {
			const [bound] = picturesFor(pointsOf(id));
			for (const layout of [bound!.template.wide, bound!.template.narrow])
				for (const [i, make] of cases.entries()) {
					const read = (c: string | undefined): Reading | undefined => (c && bound!.points.has(c) ? make(bound!.points.get(c)!) : undefined);
					const state = stateOf(bound!.template, read);
					const out = partsOf(bound!.template, layout).map((d) => draw(d.part, pen(read, { state }))).join('');
					expect(out).not.toMatch(/NaN|undefined|Infinity/);
					expect(out.includes('url(#hatch)'), `${id} ${i}`).toBe(i > 0);
					if (i > 0) expect(state.as, `${id} ${i}`).toBe('unknown');
				}
		}
	});
});

describe('a value in a picture', () => {
	const tt = point({ code: 'TT-201', name: 'Zone 1 temperature', unit: '℃', decimals: 1, limit_h: 235, limit_hh: 250 });
	const tag: Part = { kind: 'tag', x: 0, y: 0, w: 174, point: 'TT-#01', bar: [0, 300] };
	const of = (r: Reading): string => draw(tag, pen(reads({ 'TT-#01': r })));
	it('is a link to its trend, with name, value, unit and a bar', () => {
		const out = of(good(tt, 150.04));
		expect(out).toContain('href="/trend?p=TT-201"');
		expect(out).toContain('aria-label="Zone 1 temperature: 150.0\u2009℃"');
		expect(out).toContain(`width="${158 * 150.04 / 300}" height="3" class="pic-bar-value `);
		expect(out).not.toContain('hatch');
	});
	it('says which limit it is beyond: by its mark, its word and its class', () => {
		expect(of(good(tt, 240))).toMatch(/class="pic-tag warn" aria-label="Zone 1 temperature: 240.0.℃, High limit passed".*H▲/s);
		expect(of(good(tt, 251))).toMatch(/class="pic-tag bad".*HH▲/s);
	});
	it('that is bad is hatched and told by its reason, without the number', () => {
		const out = of(readingOf(tt, { t: 1, v: 150, q: 0x80310000 }));
		expect(out).toContain('fill="url(#hatch)"');
		expect(out).toMatch(/TT-201: Bad: no communication<.*✕ no communication</s);
		expect(out).not.toContain('150.0');
		expect(draw(tag, pen(reads({ 'TT-#01': readingOf(tt, { t: 1, v: null, q: 0x80310000 }) }), { lang: 'zh', t: tOf(zh) }))).toContain('✕ 坏：通信中断');
	});
	it('that never came, or came over a connection that is lost, is hatched and says so', () => {
		expect(of(readingOf(tt, undefined))).toMatch(/url\(#hatch\).*✕ No value yet/s);
		expect(of(readingOf(tt, { t: 1, v: null, q: WAITING }))).toContain('No value yet');
		expect(of(readingOf(tt, { t: 1, v: 150, q: 0 }, true))).toMatch(/url\(#hatch\).*150.0.℃ · Stale/s);
		expect(draw({ kind: 'tags', x: 0, y: 0, w: 83, columns: 1, points: ['T'] }, pen(reads({ T: readingOf(tt, { t: 1, v: 150, q: 0 }, true) })))).toMatch(/class="pic-tag-word">✕ Stale</);
	});
	it('that is uncertain stands there with its mark', () => {
		expect(of(readingOf(tt, { t: 1, v: 150, q: 0x40940000 }))).toMatch(/pic-tag warn.*△.*150.0/s);
	});
	it('of a point the device has not is not drawn', () => {
		expect(draw(tag, pen(() => undefined))).toBe('<svg></svg>');
		expect(draw({ kind: 'tags', x: 0, y: 0, w: 208, columns: 2, points: ['A', 'B', 'C'] }, pen(reads({ A: good(point({ code: 'A' }), 1), C: good(point({ code: 'C' }), 2) }))).match(/<a /g)?.length).toBe(2);
	});
	it('that is a state is told by its word and has neither limits nor a bar', () => {
		const door = point({ code: 'ZS-201', name: 'Door', type: 'bool', state_texts: { 0: 'closed', 1: 'open' }, limit_h: 1 });
		expect(readingOf(door, { t: 1, v: true, q: 0 })).toMatchObject({ text: 'open', n: 1, over: '', limit: '' });
		expect(draw({ kind: 'tags', x: 0, y: 0, w: 100, columns: 1, points: [['D', 0, 1]] }, pen(reads({ D: good(door, true) })))).not.toContain('pic-bar');
	});
	it('has room: words are cut with …, numbers become smaller, a reason loses its "Bad:" first', () => {
		expect([fit('Power', 100, 11), fit('Circulation fans\' vibration', 80, 11)]).toEqual(['Power', 'Circulation…']);
		expect([sizeFor('1.0', 100, 15), sizeFor('14.202\u2009kW', 69, 15) < 15, fitReason('✕ 坏：通信中断', 70, 12)]).toEqual([15, true, '✕ 通信中断']);
	});
});

describe('the state of a machine', () => {
	const state = (id: string, values: Record<string, number | null>) => {
		const t = TEMPLATES.get(id)!;
		return stateOf(t, (c) => (c in values ? readingOf(point({ code: c, type: 'u16', limit_h: 242 }), { t: 1, v: values[c]!, q: values[c] === null ? 0x80310000 : 0 }) : undefined)).as;
	};
	it('is the first rule that holds', () => {
		expect([0, 1, 2, 3, 4].map((v) => state('machining-centre', { 'XS-#00': v, 'XA-#01': 0 }))).toEqual(['idle', 'setup', 'run', 'stop', 'alarm']);
		expect(state('oven', { 'XA-#01': 0, 'ZS-#01': 1, 'XS-#01': 0, 'XS-#02': 1 })).toBe('warn');
		expect(state('oven', { 'XA-#01': 0, 'ZS-#01': 0, 'XS-#01': 0, 'XS-#02': 1 })).toBe('stop');
		expect(state('pump-station', { 'XA-#01': 1, 'XS-#01': 1 })).toBe('alarm');
		expect([state('energy-meter', { U1: 230, U2: 230, U3: 250 }), state('energy-meter', { U1: 230, U2: 230, U3: 230 })]).toEqual(['warn', 'run']);
	});
	it('is unknown when what says it is bad or not there, but an alarm that is read counts', () => {
		expect(state('machining-centre', { 'XS-#00': null, 'XA-#01': 0 })).toBe('unknown');
		expect(state('machining-centre', { 'XS-#00': null, 'XA-#01': 1 })).toBe('alarm');
		expect(state('energy-meter', { U1: null, U2: 230, U3: 230 })).toBe('unknown');
		expect([...TEMPLATES.keys()].map((id) => state(id, {}))).toEqual(IDS.map(() => 'unknown'));
	});
	it('is drawn with a shape and a word of its own', () => {
		const t = TEMPLATES.get('machining-centre') as Template;
		expect(codesOfState(t)).toEqual(['XS-#00', 'XA-#01']);
		const out = t.state.map((s) => draw({ kind: 'state', x: 0, y: 0, w: 200 }, pen(() => undefined, { state: { as: s.as, said: s } })));
		expect(new Set(out.map((o) => /<g class="pic-state-shape[^>]*><path d="([^"]+)"/.exec(o)?.[1])).size).toBe(5);
		expect(out[2]).toContain('aria-label="State: Running"');
		expect(draw({ kind: 'state', x: 0, y: 0, w: 200 }, pen(() => undefined, { lang: 'zh', t: tOf(zh), state: { as: 'unknown' } }))).toMatch(/hatch.*状态未知/s);
	});
});

describe('symbols of machines', () => {
	const r = (code: string, v: number, more: Partial<Point> = {}): Record<string, Reading> => ({ [code]: good(point({ code, ...more }), v) });
	it('draw temperature and set-point to one scale', () => {
		const out = draw({ kind: 'column', x: 0, y: 0, w: 20, h: 300, min: 0, max: 300, point: 'T', set: 'S' }, pen(reads({ ...r('T', 150), ...r('S', 225) })));
		expect(out).toContain('y="150" width="20" height="150"');
		expect(out).toContain('M 21 75 l');
	});
	it('draw as much of a heater warm as its output says', () => {
		const heater: Part = { kind: 'heater', x: 0, y: 0, w: 140, h: 20, point: 'O' };
		expect(draw(heater, pen(reads(r('O', 63))))).toContain('stroke-dasharray="63 100"');
		expect(draw(heater, pen(reads(r('O', 0))))).not.toContain('pic-coil-on');
	});
	it('lift a door that is open, and move belt, spindle and table only while they move', () => {
		const door: Part = { kind: 'door', x: 0, y: 100, w: 10, h: 50, point: 'D' };
		expect([draw(door, pen(reads(r('D', 1)))), draw(door, pen(reads(r('D', 0))))].map((o) => /rect x="0" y="(\d+)"/.exec(o)?.[1])).toEqual(['60', '100']);
		for (const [part, cls] of [[{ kind: 'belt', x: 0, y: 30, w: 200, point: 'V' }, 'pic-carry'], [{ kind: 'spindle', x: 50, y: 0, point: 'V' }, 'pic-spin'], [{ kind: 'worktable', x: 50, y: 0, w: 80, feed: 'V' }, 'pic-feed'], [{ kind: 'fan', x: 30, y: 30, r: 20, run: 'V' }, 'pic-turn']] as [Part, string][]) {
			expect(draw(part, pen(reads(r('V', 2)))), cls).toContain(cls);
			expect(draw(part, pen(reads(r('V', 0)))), cls).not.toContain(cls);
			expect(draw(part, pen(reads({ V: readingOf(point({ code: 'V' }), undefined) }))), cls).not.toContain(cls);
		}
	});
	it('draw active and reactive power to one scale, with their angle', () => {
		/* 4 kW and 3 kvar: the angle of the 3-4-5 triangle, 36.87° */
		expect(draw({ kind: 'triangle', x: 0, y: 0, w: 200, h: 200, p: 'P', q: 'Q' }, pen(reads({ ...r('P', 4), ...r('Q', 3) })))).toMatch(/M 14 182 h 130 v -97.5 Z.*φ = 37°/s);
	});
	it('count how many of how many', () => {
		const part: Part = { kind: 'progress', x: 0, y: 0, w: 216, point: 'N', of: 'M', text: 'Parts', text_zh: '产量' };
		expect(draw(part, pen(reads({ ...r('N', 5), ...r('M', 20) })))).toMatch(/5.\/.20.*width="50" height="8"/s);
		expect(draw(part, pen(reads({ ...r('N', 5), M: readingOf(point({ code: 'M' }), { t: 1, v: null, q: 0x80310000 }) })))).toMatch(/hatch.*✕ /s);
	});
});

describe('bars', () => {
	it('stand between range, limits, set-points or 0 and 100 %, in this order, or not at all', () => {
		expect(rangeOf(point({ eng_min: -20, eng_max: 80, limit_h: 60, limit_l: 0 }))).toEqual({ min: -20, max: 80 });
		expect(rangeOf(point({ limit_ll: 0, limit_hh: 100 }))).toEqual({ min: -15, max: 115 });
		expect(rangeOf(point({ limit_h: 80, limit_hh: 100 }))).toEqual({ min: 0, max: 115 });
		expect(rangeOf(point({ write_min: 0, write_max: 4 }))).toEqual({ min: 0, max: 4 });
		expect([rangeOf(point({ unit: '%' })), rangeOf(point({ unit: '%', limit_l: 30, limit_ll: 15 }))]).toEqual([{ min: 0, max: 100 }, { min: 0, max: 100 }]);
		expect([{ unit: 'kPa' }, { limit_h: 5 }, { eng_min: 5, eng_max: 5 }, { limit_l: 0.6, limit_ll: 0.3 }, { limit_h: -5, limit_hh: -1 }].map((p) => rangeOf(point(p)))).toEqual([undefined, undefined, undefined, undefined, undefined]);
	});
	it('say which limit is passed', () => {
		const p = point({ limit_ll: 1, limit_l: 2, limit_h: 8, limit_hh: 9 });
		expect([0.5, 1.5, 5, 8, 9].map((v) => beyond(v, p))).toEqual(['bad', 'warn', '', 'warn', 'bad']);
		expect([0.5, 1.5, 5, 8, 9].map((v) => limitPassed(v, p))).toEqual(['ll', 'l', '', 'h', 'hh']);
		expect(ticksOf(p, { min: 0, max: 10 }).map((t) => [t.name, t.at])).toEqual([['LL', 0.1], ['L', 0.2], ['H', 0.8], ['HH', 0.9]]);
		expect([shareOf(-5, { min: 0, max: 10 }), shareOf(5, { min: 0, max: 10 }), shareOf(50, { min: 0, max: 10 })]).toEqual([0, 0.5, 1]);
	});
});

describe('the order of tiles', () => {
	const device = (id: string, place?: string): Device => ({ id, rev: 1, connection: 'c', code: id, place });
	const devices = [device('d1', 'hall'), device('d2', 'hall'), device('d3', 'line'), device('d4')];
	const places = [{ id: 'hall', rev: 1, code: 'hall', name: 'Hall', level: 'area' }, { id: 'line', rev: 1, code: 'line', name: 'Line', level: 'line', parent: 'hall' }];
	const home = byPlace(plantTree(places, devices, 'none'));
	it('is that of the places, with the way to each', () => {
		expect(home.map((s) => [s.titles.join('/'), s.devices])).toEqual([['Hall', ['d1', 'd2']], ['Hall/Line', ['d3']], ['none', ['d4']]]);
	});
	it('is the worst state first when asked', () => {
		const link = (id: string, state: LinkRow['state'], points_bad = 0): [string, LinkRow] => [id, { kind: 'device', id, state, points_bad }];
		expect(byState(home, new Map([link('d1', 'disabled'), link('d2', 'up'), link('d3', 'up', 2), link('d4', 'silent')]))[0]!.devices).toEqual(['d4', 'd3', 'd2', 'd1']);
		expect(byState(home, new Map([link('d1', 'up'), link('d2', 'late'), link('d3', 'up')]))[0]!.devices).toEqual(['d2', 'd1', 'd3', 'd4']);
		const up = new Map(devices.map((d) => link(d.id, d.id === 'd4' ? 'disabled' : d.id === 'd1' ? 'silent' : 'up')));
		expect(byState(home, up, new Map([['d1', 'unknown'], ['d2', 'run'], ['d3', 'alarm'], ['d4', 'alarm']]))[0]!.devices).toEqual(['d1', 'd3', 'd2', 'd4']);
	});
	it('holds only what is looked for, by device or place', () => {
		const by = new Map(devices.map((d) => [d.id, d]));
		expect([filtered(home, by, 'D2').flatMap((s) => s.devices), filtered(home, by, 'line').flatMap((s) => s.devices), filtered(home, by, ' ')]).toEqual([['d2'], ['d3'], home]);
	});
});
