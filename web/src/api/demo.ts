/* The demonstration plant: what can be broken in it. Only a server started with --demo has one (Session.demo). */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { call, get } from './http';
import type { Page } from './contract';

export interface DemoFault {
	/** "oven-1.leak" */
	id: string;
	fault: string;
	where: 'machine' | 'measuring' | 'bus';
	title: string;
	title_zh: string;
	look: string;
	look_zh: string;
	/** Code of the device. */
	machine: string;
	machine_title: string;
	machine_title_zh: string;
	connection?: string | null;
	device?: string | null;
	/** That show it; of a fault of the bus none. */
	points: string[];
	on: boolean;
	since?: string | null;
}

const KEY = ['demo', 'faults'] as const;

export const useFaults = () =>
	useQuery({ queryKey: KEY, queryFn: ({ signal }) => get<Page<DemoFault>>('/demo/faults', signal), refetchInterval: 2000, select: (p) => p.items });

export function useSwitch() {
	const client = useQueryClient();
	return useMutation({
		mutationFn: async ({ id, on }: { id: string; on: boolean }) => (await call<DemoFault>('PUT', `/demo/faults/${encodeURIComponent(id)}`, { body: { on } })).data,
		onMutate: () => client.cancelQueries({ queryKey: KEY }),
		onSuccess: (now) => client.setQueryData<Page<DemoFault>>(KEY, (old) => old && { ...old, items: old.items.map((f) => (f.id === now.id ? now : f)) }),
	});
}

export interface Machine {
	code: string;
	title: string;
	title_zh: string;
	connection?: string | null;
	device?: string | null;
	faults: DemoFault[];
	on: number;
}

/** The faults by machine, in the server's order. */
export function machinesOf(faults: DemoFault[]): Machine[] {
	const by = new Map<string, Machine>();
	for (const f of faults) {
		const m = by.get(f.machine) ?? { code: f.machine, title: f.machine_title, title_zh: f.machine_title_zh, connection: f.connection, device: f.device, faults: [], on: 0 };
		m.faults.push(f);
		m.on += f.on ? 1 : 0;
		by.set(f.machine, m);
	}
	return [...by.values()];
}

/** Where one sees a fault: the trend of its points; of the bus, the connection. */
export function placeToLook(f: DemoFault): string | undefined {
	if (f.points.length) return `/trend?p=${f.points.join(',')}&range=5m`;
	return f.connection ? `/collection/${f.connection}` : undefined;
}
