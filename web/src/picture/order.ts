/* The devices of the plant in the order of their tiles. Pure. */
import type { Device, LinkRow } from '../api/contract';
import { isTroubled, linkClass } from '../lib/links';
import type { Node } from '../lib/tree';
import type { MachineState } from './reading';

export interface Section {
	key: string;
	/** The places from the top to here; empty: all devices in one. */
	titles: string[];
	devices: string[];
}

/** A section for each place that has devices itself, in the order of the tree. */
export function byPlace(nodes: Node[], above: string[] = []): Section[] {
	return nodes.flatMap((n) => {
		if (n.kind === 'device') return [];
		const titles = [...above, n.title];
		const own = n.children.filter((c) => c.kind === 'device').map((c) => c.key);
		return [...(own.length ? [{ key: n.key, titles, devices: own }] : []), ...byPlace(n.children, titles)];
	});
}

/** 0: it is not read; 1: it says alarm; 2: something is missing or deserves a look; 3: points are bad; 4: all is well; 5: switched off. */
export function rankOf(link: LinkRow | undefined, machine?: MachineState['as']): number {
	if (isTroubled(link)) return 0;
	if (link && linkClass(link.state) === 'off') return 5;
	if (machine === 'alarm') return 1;
	if (machine === 'warn' || (link && linkClass(link.state) !== 'running')) return 2;
	return link?.points_bad ? 3 : 4;
}

/** The worst state first; of the same state as they were. */
export function byState(sections: Section[], links: Map<string, LinkRow>, machines: Map<string, MachineState['as']> = new Map()): Section[] {
	const all = sections.flatMap((s) => s.devices).map((id, i) => ({ id, i, rank: rankOf(links.get(id), machines.get(id)) }));
	return [{ key: 'all', titles: [], devices: all.sort((a, b) => a.rank - b.rank || a.i - b.i).map((x) => x.id) }];
}

/** Sections with only the devices whose name, code or place holds the text. */
export function filtered(sections: Section[], devices: Map<string, Device>, text: string): Section[] {
	const want = text.trim().toLowerCase();
	if (!want) return sections;
	return sections.flatMap((s) => {
		const inPlace = s.titles.some((x) => x.toLowerCase().includes(want));
		const found = s.devices.filter((id) => inPlace || [devices.get(id)?.name, devices.get(id)?.code].some((x) => x?.toLowerCase().includes(want)));
		return found.length ? [{ ...s, devices: found }] : [];
	});
}
