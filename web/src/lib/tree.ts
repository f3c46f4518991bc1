/* Places and devices as one tree. */
import type { Device, Place } from '../api/contract';

export interface Node {
	key: string;
	kind: 'place' | 'device' | 'unplaced';
	title: string;
	level?: string;
	disabled?: boolean;
	children: Node[];
	/** Devices at or below this node. */
	devices: string[];
}

const byTitle = (a: Node, b: Node): number =>
	a.kind === b.kind ? a.title.localeCompare(b.title, undefined, { numeric: true }) : a.kind === 'place' ? -1 : 1;

/** Places whose parent is missing stand at the top; devices without place under `unplaced`. Loops are cut. */
export function plantTree(places: Place[], devices: Device[], unplaced: string): Node[] {
	const nodes = new Map<string, Node>();
	for (const p of places) nodes.set(p.id, { key: p.id, kind: 'place', title: p.name || p.code, level: p.level, children: [], devices: [] });
	const top: Node[] = [];
	const parentOf = new Map(places.map((p) => [p.id, p.parent ?? '']));
	const isLoop = (id: string): boolean => {
		const seen = new Set<string>([id]);
		for (let at = parentOf.get(id) ?? ''; at; at = parentOf.get(at) ?? '') {
			if (seen.has(at)) return true;
			seen.add(at);
		}
		return false;
	};
	for (const p of places) {
		const parent = p.parent && !isLoop(p.id) ? nodes.get(p.parent) : undefined;
		(parent ? parent.children : top).push(nodes.get(p.id)!);
	}
	const rest: Node = { key: 'unplaced', kind: 'unplaced', title: unplaced, children: [], devices: [] };
	for (const d of devices) {
		const home = (d.place && nodes.get(d.place)) || rest;
		home.children.push({ key: d.id, kind: 'device', title: d.name || d.code, disabled: d.enabled === false, children: [], devices: [d.id] });
	}
	if (rest.children.length) top.push(rest);
	const gather = (n: Node): string[] => {
		n.children.sort(byTitle);
		if (n.kind !== 'device') n.devices = n.children.flatMap(gather);
		return n.devices;
	};
	top.sort((a, b) => (a.kind === 'unplaced' ? 1 : b.kind === 'unplaced' ? -1 : byTitle(a, b)));
	top.forEach(gather);
	return top;
}

/** The nodes from the top to `key`. */
export function pathTo(nodes: Node[], key: string): Node[] {
	for (const n of nodes) {
		if (n.key === key) return [n];
		const below = pathTo(n.children, key);
		if (below.length) return [n, ...below];
	}
	return [];
}

/** The tree with only what contains the text, and what leads there. */
export function filterTree(nodes: Node[], text: string): Node[] {
	const want = text.trim().toLowerCase();
	if (!want) return nodes;
	return nodes.flatMap((n) => {
		if (n.title.toLowerCase().includes(want)) return [n];
		const children = filterTree(n.children, want);
		return children.length ? [{ ...n, children }] : [];
	});
}
