/* Mouse, wheel and fingers on the plot: drag pans, wheel and two fingers zoom, a click without a drag points at a time. */
import { zoomed, moved, type Window } from './window';

export interface Surface {
	window: () => Window;
	/** CSS pixels from the left of the element, and width, of the part that shows time. */
	area: () => { left: number; width: number };
	onWindow: (w: Window) => void;
	onClick: (x: number) => void;
	onHover: (x: number | null) => void;
}

const DRAG_PX = 4;

export function attach(host: HTMLElement, s: Surface): () => void {
	const fingers = new Map<number, number>();
	let grip: { x: number; w: Window; dragged: boolean } | null = null;
	let pinch: { span: number; at: number; w: Window } | null = null;
	const perPixel = (w = s.window()): number => (w.to - w.from) / Math.max(1, s.area().width);
	const timeAt = (clientX: number, w = s.window()): number => w.from + (clientX - host.getBoundingClientRect().left - s.area().left) * perPixel(w);
	const restart = (): void => {
		const xs = [...fingers.values()];
		const w = { ...s.window() };
		if (xs.length === 1) grip = { x: xs[0]!, w, dragged: pinch !== null };
		else grip = null;
		pinch = xs.length === 2 ? { span: Math.max(10, Math.abs(xs[0]! - xs[1]!)), at: timeAt((xs[0]! + xs[1]!) / 2, w), w } : null;
	};
	const down = (e: PointerEvent): void => {
		if (e.button !== 0 || (e.target as HTMLElement).closest('.trend-mark')) return;
		fingers.set(e.pointerId, e.clientX);
		host.setPointerCapture(e.pointerId);
		host.focus({ preventScroll: true });
		restart();
	};
	const move = (e: PointerEvent): void => {
		if (!fingers.has(e.pointerId)) {
			if (e.pointerType === 'mouse') s.onHover(timeAt(e.clientX));
			return;
		}
		fingers.set(e.pointerId, e.clientX);
		const xs = [...fingers.values()];
		if (pinch && xs.length === 2) s.onWindow(zoomed(pinch.w, pinch.span / Math.max(10, Math.abs(xs[0]! - xs[1]!)), pinch.at));
		else if (grip && (grip.dragged || Math.abs(e.clientX - grip.x) > DRAG_PX)) {
			grip.dragged = true;
			host.classList.add('panning');
			s.onWindow(moved(grip.w, (grip.x - e.clientX) * perPixel(grip.w)));
		}
	};
	const up = (e: PointerEvent): void => {
		if (!fingers.delete(e.pointerId)) return;
		host.classList.remove('panning');
		if (e.type === 'pointerup' && grip && !grip.dragged && !pinch) s.onClick(timeAt(e.clientX));
		restart();
	};
	const leave = (): void => s.onHover(null);
	const wheel = (e: WheelEvent): void => {
		e.preventDefault();
		const w = s.window();
		if (e.shiftKey || Math.abs(e.deltaX) > Math.abs(e.deltaY)) s.onWindow(moved(w, (e.deltaX || e.deltaY) * perPixel()));
		else s.onWindow(zoomed(w, Math.exp(Math.max(-120, Math.min(120, e.deltaY)) * 0.0025), timeAt(e.clientX)));
	};
	const all: [string, (e: never) => void, AddEventListenerOptions?][] = [
		['pointerdown', down], ['pointermove', move], ['pointerup', up], ['pointercancel', up], ['pointerleave', leave], ['wheel', wheel, { passive: false }],
	];
	all.forEach(([name, fn, o]) => host.addEventListener(name, fn as EventListener, o));
	return () => all.forEach(([name, fn]) => host.removeEventListener(name, fn as EventListener));
}
