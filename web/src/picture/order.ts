/* The devices of the plant in the order of their tiles. Pure. */
import type { Device, LinkRow } from '../api/contract';
import { isTroubled, linkClass } from '../lib/links';
import type { Node } from '../lib/tree';

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

/** 0: needs a person; 1: something is missing; 2: points are bad; 3: all is well; 4: switched off. */
export function rankOf(link: LinkRow | undefined): number {
	if (!link) return 3;
	if (isTroubled(link)) return 0;
	const cls = linkClass(link.state);
	return cls === 'off' ? 4 : cls !== 'running' ? 1 : link.points_bad ? 2 : 3;
}

/** The worst state first; of the same state as they were. */
export function byState(sections: Section[], links: Map<string, LinkRow>): Section[] {
	const all = sections.flatMap((s) => s.devices).map((id, i) => ({ id, i, rank: rankOf(links.get(id)) }));
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
