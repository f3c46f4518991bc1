/* What all machines of the plant say of themselves, for putting the worst first: only the points that say it are listened to. */
import { useMemo } from 'react';
import { useAll } from '../api/calls';
import type { Point } from '../api/contract';
import { live, useSocketState, useSubscription } from '../api/live';
import { useTick } from '../app/hooks';
import { readingOf, stateOf, type MachineState } from './reading';
import { picturesFor, type Bound } from './rules';
import { codesOfState } from './template';

const FIELDS = 'id,device,code,type,state_texts,limit_ll,limit_l,limit_h,limit_hh';
/** Tiles do not change places more often than this. */
const EVERY_MS = 2000;

export function usePlantStates(enabled: boolean): Map<string, MachineState['as']> {
	const points = useAll<Point>('points', { fields: FIELDS }, enabled);
	const isLost = useSocketState() === 'lost';
	const tick = useTick(EVERY_MS);
	const machines = useMemo(() => {
		const by = new Map<string, Point[]>();
		for (const p of (enabled && points.data?.items) || []) {
			const list = by.get(p.device);
			if (list) list.push(p);
			else by.set(p.device, [p]);
		}
		return [...by].flatMap(([device, list]) => picturesFor(list).map((bound) => ({ device, bound })));
	}, [enabled, points.data]);
	const pointsOf = ({ template, points: bound }: Bound): string[] => codesOfState(template).flatMap((c) => bound.get(c)?.id ?? []);
	useSubscription(useMemo(() => machines.flatMap((m) => pointsOf(m.bound)), [machines]), 0.5);
	return useMemo(() => {
		const out = new Map<string, MachineState['as']>();
		for (const { device, bound } of machines) {
			const { as } = stateOf(bound.template, (c) => {
				const p = bound.points.get(c);
				return p && readingOf(p, live.get(p.id), isLost);
			});
			if (out.get(device) !== 'alarm') out.set(device, as);
		}
		return out;
		// tick: values change without the list changing
		// eslint-disable-next-line react-hooks/exhaustive-deps
	}, [machines, isLost, tick]);
}
