/* What passes on a connection: told by the live socket as it comes; asked for once a second by who may not have that socket. */
import type { LinkFrame, LinkFrames } from './contract';
import { get } from './http';
import { live } from './live';

export const FRAMES_KEPT = 500;
const ASK_MS = 1000;

interface Watch {
	connection: string;
	lang: string;
	/** The live socket is for those who may see points somewhere. */
	pushed: boolean;
	onFrames: (f: LinkFrames) => void;
	onFault: (e: unknown) => void;
}

function ask(w: Watch): () => void {
	const stop = new AbortController();
	let last = 0;
	let timer: ReturnType<typeof setTimeout> | undefined;
	const again = async (): Promise<void> => {
		try {
			const got = await get<LinkFrames>(`/links/${w.connection}/frames?limit=${FRAMES_KEPT}&after=${last}`, stop.signal);
			last = got.last;
			w.onFrames(got);
		} catch (e) {
			if (stop.signal.aborted) return;
			w.onFault(e);
		}
		timer = setTimeout(() => void again(), ASK_MS);
	};
	void again();
	return () => {
		stop.abort();
		clearTimeout(timer);
	};
}

/** Until what it returns is called. */
export const watchFrames = (w: Watch): (() => void) =>
	w.pushed ? live.watchFrames(w.connection, w.lang, w.onFrames, (detail) => w.onFault(new Error(detail))) : ask(w);

/** A row of the list: a frame, or how many passed too fast to be told. */
export type FrameRow = LinkFrame | { seq: number; dropped: number };

/** The newest first; what was passed over stands where it was. */
export function withFrames(old: FrameRow[], got: LinkFrames): FrameRow[] {
	const rows: FrameRow[] = [...got.items].reverse();
	if (got.dropped) rows.push({ seq: (got.items[0]?.seq ?? got.last + 1) - 0.5, dropped: got.dropped });
	/* Numbers that begin anew are another run of the connection. */
	const before = old[0] && got.last < Math.floor(old[0].seq) ? [] : old;
	return rows.concat(before).slice(0, FRAMES_KEPT);
}
