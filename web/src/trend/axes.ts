/* Which line hangs on which axis: by unit, unless somebody chose otherwise. */
export interface AxisPlan {
	/** What it is called among axes: the unit, or the name somebody gave. */
	name: string;
	key: string;
	unit: string;
	side: 1 | 3;
	points: string[];
	range?: [number, number];
}

/** "0..600" as a pair; undefined when it is no range. */
export function parseRange(text: string | undefined): [number, number] | undefined {
	const m = /^\s*(-?[\d.eE+-]+)\s*\.\.\s*(-?[\d.eE+-]+)\s*$/.exec(text ?? '');
	const lo = Number(m?.[1]);
	const hi = Number(m?.[2]);
	return m && Number.isFinite(lo) && Number.isFinite(hi) && lo < hi ? [lo, hi] : undefined;
}

/** In order of first use; sides alternate. `chosen` says the axis of a point, `ranges` the bounds of an axis by its name. */
export function planAxes(points: { id: string; unit?: string }[], chosen: Record<string, string> = {}, ranges: Record<string, string> = {}): AxisPlan[] {
	const out: AxisPlan[] = [];
	for (const p of points) {
		const name = chosen[p.id] || p.unit || '';
		const at = out.find((a) => a.name === name);
		if (at) {
			at.points.push(p.id);
			if (at.unit !== (p.unit ?? '')) at.unit = '';
		} else {
			out.push({ name, key: `y${out.length}`, unit: p.unit ?? '', side: out.length % 2 ? 1 : 3, points: [p.id], range: parseRange(ranges[name]) });
		}
	}
	return out;
}
