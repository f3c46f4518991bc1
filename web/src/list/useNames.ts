import { useAll } from '../api/calls';
import type { Rec } from '../api/contract';

/** The description names a noun in the singular ("device"); its door is the plural. */
export const pluralOf = (noun: string): string => (noun.endsWith('s') ? noun : `${noun}s`);

/** The records of a noun by id, for names. All who ask share one list; points are too many for that. */
export function useNames(noun: string, enabled = true): Map<string, Rec> {
	const all = useAll<Rec>(pluralOf(noun), {}, enabled && noun !== '' && noun !== 'point');
	return new Map(all.data?.items.map((r) => [r.id, r]));
}
