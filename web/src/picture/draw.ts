/* What every symbol is given to draw itself with. */
import type { TFunction } from 'i18next';
import type { Lang } from '../form/description';
import { whyOf, type MachineState, type Reading } from './reading';
import type { Part } from './template';

export interface Pen {
	/** Of a code of the picture; undefined: the device has no such point. */
	read: (code: string | undefined) => Reading | undefined;
	state: MachineState;
	lang: Lang;
	t: TFunction;
	/** What makes an `a` lead to the point's trend. */
	link: (point: string) => { href: string; onClick?: (e: React.MouseEvent) => void };
	/** Id of the pattern for what cannot be believed. */
	hatch: string;
}
export type Of<K extends Part['kind']> = Extract<Part, { kind: K }> & { pen: Pen };

/** A value one may draw; a stale one is not. */
export const drawable = (r: Reading | undefined): number | null => (!r || r.look === 'stale' ? null : r.n);
export const isOn = (r: Reading | undefined): boolean => Boolean(drawable(r));
/** Is there a point, and nothing to believe? */
export const isDark = (r: Reading | undefined): boolean => r !== undefined && drawable(r) === null;
export const said = (pen: Pen, s: { text: string; text_zh: string }): string => (pen.lang === 'zh' ? s.text_zh : s.text);

/** All that is to be said of a value, for who hears it. */
export function spoken(r: Reading, pen: Pen): string {
	return [r.text, whyOf(r, pen.t), r.limit && pen.t(`limit.${r.limit}`)].filter(Boolean).join(', ');
}
export const nameOf = (r: Reading): string => r.point.name || r.point.code;
