/* Chooses a place from the tree of all places, by clicking or by typing part of its name. */
import { useMemo } from 'react';
import { TreeSelect } from 'antd';
import { useAll } from '../api/calls';
import type { Place } from '../api/contract';
import { recordTitle } from '../lib/records';

interface Node {
	value: string;
	title: string;
	children: Node[];
}

/** Whose parent is out of reach stands at the top. */
function treeOf(places: Place[]): Node[] {
	const nodes = new Map(places.map((p) => [p.id, { value: p.id, title: recordTitle(p), children: [] as Node[] }]));
	const top: Node[] = [];
	for (const p of places) (nodes.get(p.parent ?? '')?.children ?? top).push(nodes.get(p.id)!);
	return top;
}

export function PlaceSelect({ id, value, disabled, onChange }: { id?: string; value?: string | null; disabled?: boolean; onChange?: (v: unknown) => void }) {
	const places = useAll<Place>('places', { sort: 'code' });
	const tree = useMemo(() => treeOf(places.data?.items ?? []), [places.data]);
	return (
		<TreeSelect
			id={id} disabled={disabled} style={{ width: '100%' }} allowClear showSearch treeDefaultExpandAll treeLine loading={places.isFetching} treeNodeFilterProp="title"
			value={value || undefined} treeData={tree} onChange={(v) => onChange?.(v ?? null)}
		/>
	);
}
