/* Light or dark: as the system has it, unless chosen here. public/theme.js has set it before the first paint. */
import { useSyncExternalStore } from 'react';

export const APPEARANCES = ['system', 'light', 'dark'] as const;
export type Appearance = (typeof APPEARANCES)[number];

const KEY = 'tenon.theme';
const system = typeof matchMedia === 'function' ? matchMedia('(prefers-color-scheme: dark)') : null;
const watchers = new Set<() => void>();

export function chosenAppearance(): Appearance {
	const kept = localStorage.getItem(KEY);
	return kept === 'light' || kept === 'dark' ? kept : 'system';
}
export const isDark = (): boolean => document.documentElement.dataset.theme === 'dark';

function apply(): void {
	const a = chosenAppearance();
	document.documentElement.dataset.theme = a === 'dark' || (a === 'system' && system?.matches) ? 'dark' : 'light';
	watchers.forEach((fn) => fn());
}
export function chooseAppearance(a: Appearance): void {
	if (a === 'system') localStorage.removeItem(KEY);
	else localStorage.setItem(KEY, a);
	apply();
}
system?.addEventListener('change', apply);
/* Paper is white. */
if (typeof window !== 'undefined') {
	window.addEventListener('beforeprint', () => {
		document.documentElement.dataset.theme = 'light';
		watchers.forEach((fn) => fn());
	});
	window.addEventListener('afterprint', apply);
}

const watch = (fn: () => void): (() => void) => {
	watchers.add(fn);
	return () => watchers.delete(fn);
};
export const useDark = (): boolean => useSyncExternalStore(watch, isDark);
export const useAppearance = (): Appearance => useSyncExternalStore(watch, chosenAppearance);

/** A colour of style.css as it stands now; for what is drawn on a canvas. */
export const cssColor = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
