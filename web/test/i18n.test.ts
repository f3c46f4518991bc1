/* The translations are complete, used, and speak the words of the glossary. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import en from '../src/i18n/en.json';
import zh from '../src/i18n/zh.json';
import types from '../dev/types.json';

type Tree = { [k: string]: string | Tree };
function flat(t: Tree, at = ''): Record<string, string> {
	const out: Record<string, string> = {};
	for (const [k, v] of Object.entries(t)) if (typeof v === 'string') out[at + k] = v; else Object.assign(out, flat(v, `${at}${k}.`));
	return out;
}
const EN = flat(en);
const ZH = flat(zh);

function sources(dir: string): string[] {
	return readdirSync(dir, { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? sources(join(dir, e.name)) : /\.tsx?$/.test(e.name) ? [join(dir, e.name)] : []));
}
const code = sources(join(import.meta.dirname, '../src')).map((f) => readFileSync(f, 'utf8')).join('\n');

/** Keys asked for by name, and the stems of those put together: t(`quality.${id}`). */
const asked = new Set([...code.matchAll(/\bt\(\s*'([\w.]+)'/g)].map((m) => m[1]!));
for (const m of code.matchAll(/\bt\(\s*\w+(?:\.\w+)? \? '([\w.]+)' : '([\w.]+)'/g)) {
	asked.add(m[1]!);
	asked.add(m[2]!);
}
for (const m of code.matchAll(/\bt\((?:\w+(?:\.\w+)*) \? '([\w.]+)' : '([\w.]+)'/g)) {
	asked.add(m[1]!);
	asked.add(m[2]!);
}
const stems = [...code.matchAll(/\bt\(`([\w.]+)\$\{/g)].map((m) => m[1]!);

/* Pairs of the glossary: what must not be said, and what is said instead. */
const FORBIDDEN: { lang: 'zh' | 'en'; not: RegExp; say: string }[] = [
	{ lang: 'zh', not: /(?<!数据)标签/, say: '点位' }, { lang: 'zh', not: /数据点/, say: '点位' }, { lang: 'zh', not: /\btag\b/i, say: '点位' },
	{ lang: 'zh', not: /别名/, say: '名称' }, { lang: 'zh', not: /连接器/, say: '通道' }, { lang: 'zh', not: /南向|北向/, say: '采集设备 / 数据采集 / 数据转发' },
	{ lang: 'zh', not: /Group/i, say: '采集组' }, { lang: 'zh', not: /Read interval|频率/, say: '采集周期' }, { lang: 'zh', not: /插件/, say: '驱动' },
	{ lang: 'zh', not: /双字高低位/, say: '字节序' }, { lang: 'zh', not: /乘系数|Decimal/, say: '倍率' }, { lang: 'zh', not: /精度/, say: '小数位' },
	{ lang: 'zh', not: /枚举值/, say: '状态文本' }, { lang: 'zh', not: /质量戳/, say: '质量码' }, { lang: 'zh', not: /时间戳/, say: '源时间 / 采集时间 / 入库时间' },
	{ lang: 'zh', not: /遥测/, say: '实时值' }, { lang: 'zh', not: /曲线图/, say: '趋势' }, { lang: 'zh', not: /订阅/, say: '变化上报' },
	{ lang: 'zh', not: /断点续传/, say: '断网续传' }, { lang: 'zh', not: /虚拟点/, say: '计算点' }, { lang: 'zh', not: /场地/, say: '位置 / 工厂' },
	{ lang: 'zh', not: /云端|端侧/, say: '中心 / 边缘节点' }, { lang: 'zh', not: /看板/, say: '仪表板' }, { lang: 'zh', not: /警报|告警/, say: '报警' },
	{ lang: 'zh', not: /严重/, say: '优先级' }, { lang: 'zh', not: /屏蔽/, say: '搁置' }, { lang: 'zh', not: /规则链|管道/, say: '数据流' },
	{ lang: 'zh', not: /字典/, say: '代码表' }, { lang: 'zh', not: /密级/, say: '数据分级' }, { lang: 'zh', not: /操作日志/, say: '审计日志' },
	{ lang: 'zh', not: /客户/, say: '租户' }, { lang: 'zh', not: /最后\s*\d+/, say: '最近' },
	{ lang: 'en', not: /\btags?\b/i, say: 'point' }, { lang: 'en', not: /(?<!data )\blabels?\b/i, say: 'data label only' }, { lang: 'en', not: /\bsouth|\bnorth/i, say: 'data collection / data forwarding' },
	{ lang: 'en', not: /\bplug-?ins?\b/i, say: 'driver' }, { lang: 'en', not: /\btelemetry\b/i, say: 'live value' }, { lang: 'en', not: /\bchannels?\b/i, say: 'connection' },
	{ lang: 'en', not: /\bread interval\b|\bfrequency\b/i, say: 'scan period' }, { lang: 'en', not: /\bseverity\b/i, say: 'priority' }, { lang: 'en', not: /\balerts?\b/i, say: 'alarm' },
	{ lang: 'en', not: /\bsubscri/i, say: 'report by exception' }, { lang: 'en', not: /\bcustomers?\b/i, say: 'tenant' },
	{ lang: 'en', not: /\bgroups?\b(?<!scan groups?)/i, say: 'scan group' },
];
/* Latin words a Chinese sentence may hold: names, formats, keys. */
const LATIN = /tenon restore|tools\/setup|DuckDB|SELECT|SQL|\/dev\/ttyUSB0|Tenon|CSV|XLSX|Ctrl|Esc|Tab|Prometheus|Enter|PNG|JSON|PLC|GB18030|min|max|Modbus|TCP|IP|Argon2id|bool|[A-D]{4}|\{\{\w+\}\}|10s|500ms|1h30m/g;

describe('translations', () => {
	it('have the same keys in both languages', () => {
		expect(Object.keys(ZH).filter((k) => !(k in EN))).toEqual([]);
		expect(Object.keys(EN).filter((k) => !(k in ZH))).toEqual([]);
	});
	it('say in words what the interface can refuse, for the audit log', () => {
		const folder = join(import.meta.dirname, '../../src/api');
		const rows = readdirSync(folder).filter((f) => f.endsWith('.c')).map((f) => readFileSync(join(folder, f), 'utf8')).join('\n');
		const ofNouns = [...rows.matchAll(/\bNOUN_ROUTE\("\w+", "[^"]+", \w+, "(\w+)"/g)].map((m) => m[1]!);
		const others = [...rows.matchAll(/\bROUTE\("\w+", "[^"]+", \w+, "([\w.]+)"/g)].map((m) => m[1]!);
		expect(Math.min(ofNouns.length / 8, others.length / 50)).toBeGreaterThanOrEqual(1);
		expect(ofNouns.filter((verb) => !(`deed.${verb}` in ZH))).toEqual([]);
		const worded = (name: string): boolean => `deed_of.${name.replace('.', '_')}` in ZH || (`deed.${name.split('.')[1]}` in ZH && `term.${name.split('.')[0]}` in ZH);
		expect(others.filter((name) => !worded(name))).toEqual([]);
	});
	it('have a text for every key that the source asks for', () => {
		expect(asked.size).toBeGreaterThan(150);
		expect([...asked].filter((k) => !(k in ZH))).toEqual([]);
	});
	it('have no text that nobody asks for', () => {
		expect(Object.keys(ZH).filter((k) => !asked.has(k) && !stems.some((s) => k.startsWith(s)))).toEqual([]);
	});
	it('fill the same slots in both languages', () => {
		const slots = (s: string): string => [...s.matchAll(/\{\{(\w+)\}\}/g)].map((m) => m[1]).sort().join();
		expect(Object.keys(ZH).filter((k) => slots(ZH[k]!) !== slots(EN[k]!))).toEqual([]);
	});
	it('leave nothing untranslated', () => {
		expect(Object.entries(ZH).filter(([, v]) => !v.trim())).toEqual([]);
		expect(Object.entries(EN).filter(([, v]) => !v.trim() || /[\u4e00-\u9fff]/.test(v))).toEqual([]);
		expect(Object.keys(ZH).filter((k) => ZH[k] === EN[k] && /[a-z]{2}/.test(ZH[k]!.replace(/\{\{\w+\}\}/g, '')))).toEqual([]);
	});
	it('leave no English crumbs in Chinese sentences', () => {
		expect(Object.entries(ZH).filter(([, v]) => /[A-Za-z]{2,}/.test(v.replace(LATIN, '')))).toEqual([]);
	});
	it('use the words of the glossary, not those it rejects', () => {
		const texts = { zh: ZH, en: EN };
		const wrong = FORBIDDEN.flatMap((f) => Object.entries(texts[f.lang]).filter(([, v]) => f.not.test(v)).map(([k, v]) => `${f.lang} ${k}: "${v}": say ${f.say}`));
		expect(wrong).toEqual([]);
	});
	it('would notice a rejected word', () => {
		expect(FORBIDDEN.some((f) => f.lang === 'zh' && f.not.test('标签列表'))).toBe(true);
		expect(FORBIDDEN.some((f) => f.lang === 'zh' && f.not.test('数据标签'))).toBe(false);
	});
	it('do not write source texts in the source', () => {
		const crumbs = code.split('\n').filter((l) => /[\u4e00-\u9fff]/.test(l.replace(/\/\*.*?\*\/|\/\/.*$/g, '')) && !/'榫卯 Tenon'|中文|点表模板|一区温度|区温度|、/.test(l) && !l.trim().startsWith('*'));
		expect(crumbs).toEqual([]);
	});
});

describe('descriptions made from the record tables', () => {
	it('carry both languages for every field a person sees', () => {
		type F = { name: string; label?: string; label_zh?: string; words?: { label?: string; label_zh?: string }[] };
		const missing = (types as unknown as { name: string; fields: F[] }[]).flatMap((t) =>
			t.fields.filter((f) => !f.label || !f.label_zh || f.words?.some((w) => !w.label || !w.label_zh)).map((f) => `${t.name}.${f.name}`));
		expect(missing).toEqual([]);
	});
});
