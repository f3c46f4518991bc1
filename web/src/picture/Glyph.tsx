/* What a device is, in 40 px. */
import { memo } from 'react';

const SHAPES: Record<string, string> = {
	'pump-station': 'M 8 30 A 12 12 0 1 0 8 10 A 12 12 0 0 0 8 30 M 10 10 L 26 20 L 10 30 M 26 20 H 37 V 6 M 4 36 H 26 M 15 32 V 36',
	oven: 'M 4 8 H 36 V 32 H 4 Z M 14.500 8 V 26 M 25.500 8 V 26 M 4 26 H 36 M 7 20 l 2 -5 l 2 5 M 18 20 l 2 -5 l 2 5 M 29 20 l 2 -5 l 2 5',
	'machining-centre': 'M 4 6 H 36 V 34 H 4 Z M 14 6 H 24 V 16 H 14 Z M 17 16 V 22 H 21 V 16 M 19 22 V 26 M 9 30 H 29 M 13 26 H 25 V 30 M 32 11 V 20',
	'energy-meter': 'M 6 5 H 34 V 35 H 6 Z M 11 10 H 29 V 18 H 11 Z M 22 20 L 17 27 H 22 L 18 33',
};
const PLAIN = 'M 6 9 H 34 V 31 H 6 Z M 11 15 H 19 M 11 20 H 19 M 11 25 H 19 M 24 14 H 29 V 26 H 24 Z M 24 21 H 29';

export const Glyph = memo(function Glyph({ picture }: { picture?: string }) {
	return <svg className="tile-glyph" viewBox="0 0 40 40" aria-hidden="true"><path d={SHAPES[picture ?? ''] ?? PLAIN} /></svg>;
});
