import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LINK_STATES } from '../src/api/contract';
import en from '../src/i18n/en.json';
import zh from '../src/i18n/zh.json';
import { QUALITIES, qualityId, severity } from '../src/lib/quality';

/* The platform's own table is the reference: code, id and both texts must be the same. */
const rows = [...readFileSync(join(import.meta.dirname, '../../src/model/quality.def'), 'utf8').matchAll(/^QUALITY\(\w+,\s*(0x[0-9A-Fa-f]+)u,\s*"(\w+)",\s*"([^"]+)",\s*"([^"]+)"\)/gm)];

describe('quality', () => {
	it('is the table of src/model/quality.def', () => {
		expect(rows.length).toBeGreaterThan(15);
		expect(Object.fromEntries(rows.map((r) => [Number(r[1]), r[2]]))).toEqual(QUALITIES);
		expect(Object.fromEntries(rows.map((r) => [r[2], r[3]]))).toEqual(en.quality);
		expect(Object.fromEntries(rows.map((r) => [r[2], r[4]]))).toEqual(zh.quality);
	});
	it('takes its severity from the two top bits (OPC 10000-4, 7.39)', () => {
		expect([0, 0x3fffffff, 0x40000000, 0x7fffffff, 0x80000000, 0xffffffff].map(severity)).toEqual(['good', 'good', 'uncertain', 'uncertain', 'bad', 'bad']);
	});
	it('calls an unknown code by its severity', () => {
		expect(qualityId(0x80990000)).toBe('bad');
		expect(qualityId(-2144272384 >>> 0)).toBe('bad_no_communication');
	});
});

describe('state of links', () => {
	it('is the table of src/link/states.def', () => {
		const states = [...readFileSync(join(import.meta.dirname, '../../src/link/states.def'), 'utf8').matchAll(/^STATE\(\w+,\s*"(\w+)",\s*"([^"]+)",\s*"([^"]+)"/gm)];
		expect(states.map((m) => m[1])).toEqual([...LINK_STATES]);
		expect(Object.fromEntries(states.map((m) => [m[1], m[2]]))).toEqual(en.state);
		expect(Object.fromEntries(states.map((m) => [m[1], m[3]]))).toEqual(zh.state);
	});
});
