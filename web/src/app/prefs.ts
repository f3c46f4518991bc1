/* What this browser remembers. */
import { create } from 'zustand';

interface Prefs {
	menuFolded: boolean;
	treeWidth: number;
	trendPoints: string[];
	pictureOrder: 'place' | 'state';
	set: (p: Partial<Omit<Prefs, 'set'>>) => void;
}
const KEY = 'tenon.prefs';

function kept(): Partial<Prefs> {
	try {
		return JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Prefs>;
	} catch {
		return {};
	}
}

export const usePrefs = create<Prefs>((set, get) => ({
	menuFolded: false,
	treeWidth: 260,
	trendPoints: [],
	pictureOrder: 'place',
	...kept(),
	set: (p) => {
		set(p);
		const { menuFolded, treeWidth, trendPoints, pictureOrder } = get();
		localStorage.setItem(KEY, JSON.stringify({ menuFolded, treeWidth, trendPoints, pictureOrder }));
	},
}));
