/*
 * Which device gets which picture. A device's record does not say what it is, so its points do: a rule names the codes that must be there.
 * # stands for the device's number, the same in all codes of a rule. `also`: other names of the same point, as makers use them.
 */
import type { Point } from '../api/contract';
import { codesOf, TEMPLATES, type Template } from './template';

export interface Rule {
	picture: string;
	needs: string[];
	also?: Record<string, string[]>;
}

export const RULES: Rule[] = [
	{ picture: 'pump-station', needs: ['LT-#01', 'LT-#02', 'PT-#02', 'FT-#01', 'XS-#01'] },
	{ picture: 'oven', needs: ['TT-#01', 'TT-#02', 'TT-#03', 'TIC-#01', 'TIC-#02', 'TIC-#03', 'ST-#01'] },
	{ picture: 'machining-centre', needs: ['XS-#00', 'ST-#01', 'JT-#01', 'FT-#01', 'NQ-#01'] },
	{
		picture: 'energy-meter', needs: ['U1', 'U2', 'U3', 'I1', 'I2', 'I3', 'P'],
		also: {
			U1: ['UA', 'Ua', 'UL1', 'V1'], U2: ['UB', 'Ub', 'UL2', 'V2'], U3: ['UC', 'Uc', 'UL3', 'V3'], I1: ['IA', 'Ia', 'IL1'], I2: ['IB', 'Ib', 'IL2'], I3: ['IC', 'Ic', 'IL3'],
			P1: ['PA', 'Pa', 'PL1'], P2: ['PB', 'Pb', 'PL2'], P3: ['PC', 'Pc', 'PL3'], P: ['PT', 'Pt', 'PS', 'P_total'], PF: ['COS', 'cosphi'], F: ['FR', 'Hz'], EP: ['EPI', 'WPP', 'kWh'], EQ: ['EQL', 'WQP', 'kvarh'],
		},
	},
];

/** A picture and the points of the device it shows, by the picture's codes. */
export interface Bound {
	template: Template;
	points: Map<string, Point>;
	/** What # stands for; empty: the codes have no number. */
	number: string;
}

const put = (code: string, number: string): string => code.replaceAll('#', number);

function bind(rule: Rule, template: Template, by: Map<string, Point>, number: string): Bound | undefined {
	const find = (code: string): Point | undefined => [code, ...(rule.also?.[code] ?? [])].map((c) => by.get(put(c, number))).find((p) => p);
	if (!rule.needs.every(find)) return undefined;
	const points = new Map(codesOf(template).flatMap((c) => {
		const p = find(c);
		return p ? [[c, p] as const] : [];
	}));
	return { template, points, number };
}

/** What the # of the first numbered code can stand for. */
function numbersOf(rule: Rule, by: Map<string, Point>): string[] {
	const first = rule.needs.find((c) => c.includes('#'));
	if (!first) return [''];
	const [head, tail] = first.split('#', 2) as [string, string];
	return [...by.keys()].flatMap((c) => {
		const mid = c.startsWith(head) && c.endsWith(tail) ? c.slice(head.length, c.length - tail.length) : '';
		return /^\d+$/.test(mid) ? [mid] : [];
	}).sort((a, b) => Number(a) - Number(b));
}

/** Every picture that fits, the one that asks for most first; of two that show the same machine only that. One PLC may run several machines. */
export function picturesFor(points: Point[], rules = RULES, templates = TEMPLATES): Bound[] {
	const by = new Map(points.map((p) => [p.code, p]));
	const all = rules.flatMap((rule) => {
		const template = templates.get(rule.picture);
		return template ? numbersOf(rule, by).flatMap((n) => bind(rule, template, by, n) ?? []).map((bound) => ({ bound, needs: rule.needs })) : [];
	}).sort((a, b) => b.needs.length - a.needs.length);
	const taken = new Set<string>();
	return all.flatMap(({ bound, needs }) => {
		const ids = needs.map((c) => bound.points.get(c)?.id ?? c);
		if (ids.some((id) => taken.has(id))) return [];
		ids.forEach((id) => taken.add(id));
		return [bound];
	});
}
