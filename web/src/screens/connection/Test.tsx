import { TestLink } from '../../field/TestLink';
import type { SlotProps } from './slots';

/** As it is saved. A device goes along, so that somebody is there to answer. */
export function Test({ connection, devices }: SlotProps) {
	return <TestLink read={() => Promise.resolve({ connection: connection.id, device: devices[0]?.id })} />;
}
