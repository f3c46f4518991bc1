/* Settings of connections and devices are described by their driver; a device's driver is that of its connection. */
import { useCallback } from 'react';
import { useAll, useDrivers } from '../api/calls';
import type { Rec } from '../api/contract';
import { innerType, type Inner } from './description';

export function useInner(): { inner: Inner; pending: boolean } {
	const drivers = useDrivers();
	const connections = useAll<Rec>('connections');
	const inner = useCallback<Inner>((f, record) => {
		if (f.widget === 'driver_connection') return drivers.data?.find((d) => d.name === record.driver)?.connection;
		if (f.widget === 'driver_device') {
			const c = connections.data?.items.find((x) => x.id === record.connection);
			return drivers.data?.find((d) => d.name === c?.driver)?.device;
		}
		return innerType(f, record);
	}, [drivers.data, connections.data]);
	return { inner, pending: drivers.isPending || connections.isPending };
}
