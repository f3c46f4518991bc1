/* The list of frames: newest first, what was passed over in its place, begun anew with the connection. */
import { describe, expect, it } from 'vitest';
import type { LinkFrame } from '../src/api/contract';
import { FRAMES_KEPT, withFrames } from '../src/api/frames';

const frame = (seq: number): LinkFrame => ({ seq, t: seq, kind: 'out', text: String(seq) });
const of = (from: number, to: number): LinkFrame[] => Array.from({ length: to - from + 1 }, (_, i) => frame(from + i));

describe('frames', () => {
	it('stand newest first, and what was passed over where it was', () => {
		const first = withFrames([], { items: of(1, 3), last: 3, dropped: 0 });
		expect(first.map((f) => f.seq)).toEqual([3, 2, 1]);
		const then = withFrames(first, { items: of(10, 11), last: 11, dropped: 6 });
		expect(then.map((f) => f.seq)).toEqual([11, 10, 9.5, 3, 2, 1]);
		expect(then[2]).toEqual({ seq: 9.5, dropped: 6 });
	});
	it('are kept to a number', () => {
		const many = withFrames(withFrames([], { items: of(1, 400), last: 400 }), { items: of(401, 800), last: 800 });
		expect(many.length).toBe(FRAMES_KEPT);
		expect(many[0]!.seq).toBe(800);
	});
	it('begin anew when their numbers do', () => {
		const before = withFrames([], { items: of(50, 60), last: 60 });
		expect(withFrames(before, { items: of(1, 2), last: 2 }).map((f) => f.seq)).toEqual([2, 1]);
	});
});
