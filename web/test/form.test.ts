import { describe, expect, it } from 'vitest';
import types from '../dev/types.json';
import { editable, inSentence, labelOf, sections, type FormField, type TypeForm } from '../src/form/description';
import { besideField, patternText, placeErrors, pointerPath } from '../src/form/problem';
import { changes, defaults, durationNs, faultOf, same, toBody, toValues } from '../src/form/values';

const form = (name: string): TypeForm => (types as unknown as TypeForm[]).find((t) => t.name === name)!;
const field = (f: Partial<FormField>): FormField => ({ name: 'x', kind: 'str', ...f });

describe('forms', () => {
	it('show what a person may set, in the sections of the table', () => {
		const names = editable(form('point')).map((f) => f.name);
		expect(names).toContain('address');
		expect(names).not.toContain('path');
		expect(names).not.toContain('device');
		expect(sections(editable(form('point'))).map((s) => s.group)).toEqual(['', 'address', 'scaling', 'limits', 'write']);
	});
	it('begin with the defaults of the table, in the kind of the field', () => {
		expect(defaults(form('group'))).toMatchObject({ period_ms: 1000, enabled: true });
		expect(defaults(form('point'))).toMatchObject({ type: 'f32', access: 'r', scale: 1, clamp: false });
		expect(defaults(form('connection')).config).toEqual({});
	});
	it('send settings of a driver with the defaults of the driver', () => {
		const inner = (f: FormField): TypeForm | undefined => (f.widget === 'driver_connection' ? form('modbus_connection') : undefined);
		const body = toBody(form('connection'), { code: 'plc', driver: 'modbus-tcp', config: { host: '10.0.0.1' }, enabled: true }, true, inner);
		expect(body.config).toMatchObject({ host: '10.0.0.1', port: 502, check_unit: true });
	});
	it('leave empty fields out when making and clear them when changing', () => {
		const t: TypeForm = { name: 't', fields: [field({ name: 'a' }), field({ name: 'b' }), field({ name: 'p', flags: ['secret'] }), field({ name: 'r', flags: ['readonly'] })] };
		expect(toBody(t, { a: ' x ', b: '', p: '', r: 1 }, true)).toEqual({ a: 'x' });
		expect(toBody(t, { a: 'x', b: '', p: '', r: 1 }, false)).toEqual({ a: 'x', b: null });
	});
	it('never show a secret', () => {
		expect(toValues(form('user'), { name: 'z', password: 'never' })).toEqual({ name: 'z' });
	});
	it('send only what differs', () => {
		expect(changes({ a: 1, b: null, c: { x: [1] } }, { a: 1, b: '', c: { x: [1, 2] } })).toEqual({ c: { x: [1, 2] } });
		expect(same({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] })).toBe(true);
	});
	it('tell the rules of the table before the server does', () => {
		expect(faultOf(field({ flags: ['required'] }), '', true)).toEqual({ rule: 'required' });
		expect(faultOf(field({ flags: ['required', 'secret'] }), '', false)).toBeNull();
		expect(faultOf(field({ kind: 'u32', min: '1', max: '65535' }), 70000, true)).toEqual({ rule: 'range', min: '1', max: '65535' });
		expect(faultOf(field({ kind: 'i32' }), 1.5, true)).toEqual({ rule: 'whole' });
		expect(faultOf(field({ max: '3' }), '温度计数', true)).toMatchObject({ rule: 'length' });
		expect(faultOf(field({ max: '4' }), '𠮷𠮷𠮷𠮷', true)).toBeNull();
		expect(faultOf(field({ pattern: '[^/]+' }), 'a/b', true)).toEqual({ rule: 'pattern', pattern: '[^/]+' });
		expect(faultOf(field({ kind: 'duration', min: '10ms' }), '5ms', true)).toMatchObject({ rule: 'range' });
		expect(faultOf(field({ kind: 'duration' }), '5 minutes', true)).toEqual({ rule: 'duration' });
		expect(faultOf(field({ kind: 'json' }), '{', true)).toEqual({ rule: 'json' });
	});
	it('read durations as the server writes them', () => {
		expect([durationNs('1h30m'), durationNs('500ms'), durationNs('1.5s'), durationNs('x')]).toEqual([5.4e12, 5e8, 1.5e9, undefined]);
	});
	it('compile every pattern of the tables', () => {
		for (const t of types as unknown as TypeForm[]) for (const f of t.fields) if (f.pattern) expect(() => new RegExp(`^(?:${f.pattern})$`, 'u')).not.toThrow();
	});
	it('speak the reader’s language', () => {
		expect(labelOf({ label: 'Code', label_zh: '编码' }, 'zh')).toBe('编码');
		expect(labelOf({ name: 'x', label: 'Code' }, 'zh')).toBe('Code');
		expect([inSentence('Scan group'), inSentence('API token'), inSentence('采集组')]).toEqual(['scan group', 'API token', '采集组']);
	});
});

/* Texts by their names. */
const t = ((key: string) => key) as never;

describe('errors of the server', () => {
	it('name fields by RFC 6901 pointers', () => {
		expect(pointerPath('/config/host')).toEqual(['config', 'host']);
		expect(pointerPath('/limits/2/a~1b~0c')).toEqual(['limits', 2, 'a/b~c']);
		expect(pointerPath('#/code')).toEqual(['code']);
		expect(pointerPath('')).toEqual([]);
	});
	it('stand at their fields, the others above the form', () => {
		const placed = placeErrors([
			{ pointer: '/code', code: 'exists', detail: 'a' }, { pointer: '/code', code: 'length', detail: 'b' },
			{ pointer: '/config/host', code: 'invalid', detail: 'c' }, { pointer: '/path', code: 'read_only', detail: 'd' }, { pointer: '', code: 'exists', detail: 'e' },
		], { ...form('point'), fields: [...form('point').fields, ...form('connection').fields] }, t);
		expect(placed.fields).toEqual([{ path: ['code'], messages: ['a', 'b'] }, { path: ['config', 'host'], messages: ['c'] }]);
		expect(placed.rest).toEqual(['d', 'e']);
	});
	it('are said beside a field without the name programs use', () => {
		const say = (code: string, detail: string, args: Record<string, unknown>): string => besideField({ code, detail, args }, t);
		expect(say('length', 'code must have 1 to 200 characters, has 0', { field: 'code' })).toBe('Must have 1 to 200 characters, has 0');
		expect(say('length', 'code 长度必须为 1 至 200 个字符，现为 0 个', { field: 'code' })).toBe('长度必须为 1 至 200 个字符，现为 0 个');
		expect(say('exists', 'a point with code x exists already', { field: 'code' })).toBe('a point with code x exists already');
		expect(say('required', '缺少 code', { field: 'code' })).toBe('rule.required');
		expect(say('pattern', 'code must match [^/]+', { field: 'code', pattern: '[^/]+' })).toBe('like.no_slash');
	});
	it('every pattern a person may break has words of its own', () => {
		type F = { pattern?: string };
		const patterns = (types as unknown as { fields: F[] }[]).flatMap((x) => x.fields.flatMap((f) => f.pattern ?? []));
		expect(patterns.length).toBeGreaterThan(3);
		expect([...new Set(patterns)].filter((p) => patternText(p, t) === 'rule.pattern')).toEqual([]);
	});
});
