import { useEffect, useRef, useState, useSyncExternalStore } from 'react';

/** Narrower than a tablet: tables become cards, the menu a drawer. */
const narrow = typeof matchMedia === 'function' ? matchMedia('(max-width: 760px)') : null;
export const useNarrow = (): boolean =>
	useSyncExternalStore(
		(fn) => {
			narrow?.addEventListener('change', fn);
			return () => narrow?.removeEventListener('change', fn);
		},
		() => narrow?.matches ?? false,
	);

/** Draws again every `ms`; one timer for all who ask for the same. */
export function useTick(ms: number): number {
	const [n, set] = useState(0);
	useEffect(() => {
		const timer = setInterval(() => set((x) => x + 1), ms);
		return () => clearInterval(timer);
	}, [ms]);
	return n;
}

export function useDebounced<T>(value: T, ms = 250): T {
	const [v, set] = useState(value);
	useEffect(() => {
		const timer = setTimeout(() => set(value), ms);
		return () => clearTimeout(timer);
	}, [value, ms]);
	return v;
}

/** Size of an element as the window changes. */
export function useSize<E extends HTMLElement>(): [React.RefObject<E | null>, { width: number; height: number }] {
	const ref = useRef<E>(null);
	const [size, set] = useState({ width: 0, height: 0 });
	useEffect(() => {
		const el = ref.current;
		if (!el) return;
		const see = new ResizeObserver(([e]) => {
			const { width, height } = e!.contentRect;
			set((s) => (Math.abs(s.width - width) < 1 && Math.abs(s.height - height) < 1 ? s : { width, height }));
		});
		see.observe(el);
		return () => see.disconnect();
	}, []);
	return [ref, size];
}

export function useTitle(title: string, product: string): void {
	useEffect(() => {
		document.title = title ? `${title} · ${product}` : product;
	}, [title, product]);
}

const typing = (el: EventTarget | null): boolean =>
	el instanceof HTMLElement && (el.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName));

/** "/" goes to the screen's search box; Esc in it empties and leaves it. */
export function useSearchKey(ref: React.RefObject<{ focus: () => void } | null>): void {
	useEffect(() => {
		const onKey = (e: KeyboardEvent): void => {
			if (e.key === '/' && !typing(e.target) && !e.ctrlKey && !e.metaKey && !e.altKey) {
				e.preventDefault();
				ref.current?.focus();
			}
		};
		window.addEventListener('keydown', onKey);
		return () => window.removeEventListener('keydown', onKey);
	}, [ref]);
}
