import { recordTitle } from '../lib/records';
import { useNames } from './useNames';

/** The name of a record one only has the id of. */
export function RefName({ noun, id }: { noun: string; id: unknown }) {
	const names = useNames(noun, typeof id === 'string');
	if (typeof id !== 'string' || !id) return <>–</>;
	const r = names.get(id);
	return <>{r ? recordTitle(r) : `${id.slice(0, 8)}…`}</>;
}
