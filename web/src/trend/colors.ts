/* Colours of lines and states, twelve and eight, on light and on dark ground. */
export const LINES = {
	light: ['#1f6f9f', '#b5541c', '#3b7d3b', '#7b4fa3', '#8a6d00', '#0b7f7f', '#a83268', '#5a6b78', '#3f51b5', '#6d4c41', '#4b7a22', '#c2185b'],
	dark: ['#62b5e5', '#f0955c', '#7fc97f', '#c39be6', '#e0c14f', '#4fc9c9', '#f07fae', '#a9bac6', '#8c9eff', '#c7a598', '#a5d46a', '#ff6d9d'],
};
/* By value: 0 is rest, 1 is running, the others are told apart. Text stands on them. */
const STATES = {
	light: ['#d3d9df', '#a8cfd8', '#f0d9a0', '#d8c3e6', '#c3dcae', '#efc2b0', '#b9cdf0', '#dcd0c4'],
	dark: ['#414c56', '#2f5d69', '#67531f', '#54406a', '#3f5a2c', '#6b3f2f', '#364f7a', '#5a4e42'],
};
export const linesOf = (isDark: boolean): string[] => LINES[isDark ? 'dark' : 'light'];
export function stateColor(value: number, isDark: boolean): string {
	const all = STATES[isDark ? 'dark' : 'light'];
	return all[((Math.round(value) % all.length) + all.length) % all.length]!;
}
