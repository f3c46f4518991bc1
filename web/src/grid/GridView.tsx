/*
 * The sheet on the screen: only the rows in view are in the document, so 100,000 are as quick as 100. Keys and clipboard as in a
 * spreadsheet; while a cell is edited they belong to its input.
 */
import { memo, useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState } from 'react';
import { useText } from '../app/lang';
import { labelOf, has, type FormField } from '../form/description';
import { formatTsv, parseTsv, type Row, type Sheet } from './sheet';

const ROW = 28;
const OVER = 6;
const NUMBER = 56;

export interface Place { row: number; at: number }
export interface Range { top: number; bottom: number; left: number; right: number }
interface Props {
	sheet: Sheet;
	/** Changes when the sheet did. */
	version: number;
	onChange: () => void;
	onSelect: (rows: Row[], column: number) => void;
}

const widthOfColumn = (f: FormField): number => (f.name === 'description' || f.name === 'name' ? 170 : f.kind === 'bool' ? 72 : /^[iuf]\d|dec/.test(f.kind) ? 92 : f.kind === 'map' || f.kind === 'json' ? 180 : 120);
const between = (n: number, lo: number, hi: number): number => Math.max(lo, Math.min(hi, n));

/** What a row does when it is pressed: one object for the life of the view, so that a row is drawn again only when it looks otherwise. */
interface Hands {
	down: (e: React.MouseEvent, p: Place) => void;
	whole: (row: number) => void;
	over: (p: Place) => void;
	begin: () => void;
	type: (text: string) => void;
	leave: () => void;
}
interface RowProps {
	r: Row;
	at: number;
	columns: FormField[];
	/** Of each column: where it stands. */
	styles: React.CSSProperties[];
	total: number;
	/** Selected columns; 1, 0: none. */
	left: number;
	right: number;
	/** The column with the focus; -1: not in this row. */
	current: number;
	/** The text of the cell that is edited here. */
	editing: string | null;
	lang: 'zh' | 'en';
	hands: Hands;
	version: number;
}

const isNumber = (f: FormField): boolean => /^[iuf]\d|dec/.test(f.kind);

const GridRow = memo(function GridRow({ r, at, columns, styles, total, left, right, current, editing, lang, hands }: RowProps) {
	const state = r.gone ? ' gone' : !r.was ? ' new' : '';
	return (
		<div className={`grid-row${state}${r.errors ? ' wrong' : ''}`} role="row" aria-rowindex={at + 1} style={{ top: at * ROW, width: total }}>
			<span
				className="grid-number" style={{ width: NUMBER }} title={r.errors?.[-1]}
				onMouseDown={(e) => { hands.down(e, { row: at, at: 0 }); hands.whole(at); }}
			>{r.errors?.[-1] ? '✕' : at + 1}</span>
			{columns.map((f, i) => {
				const isFocus = i === current;
				const error = r.errors?.[i];
				const mark = `${i >= left && i <= right ? ' sel' : ''}${isFocus ? ' cur' : ''}${error ? ' err' : ''}${r.was && r.cells[i] !== r.was[i] ? ' dirty' : ''}${isNumber(f) ? ' num' : ''}`;
				return (
					<span
						key={f.name} role="gridcell" className={`cell${mark}`} style={styles[i]} title={error}
						onMouseDown={(e) => hands.down(e, { row: at, at: i })} onMouseEnter={() => hands.over({ row: at, at: i })} onDoubleClick={() => hands.begin()}
					>
						{isFocus && editing !== null
							? <input
								autoFocus value={editing} list={f.words ? `words-${f.name}` : undefined} aria-label={labelOf(f, lang)} onMouseDown={(e) => e.stopPropagation()}
								onChange={(e) => hands.type(e.target.value)} onBlur={() => hands.leave()}
							/>
							: r.cells[i]}
					</span>
				);
			})}
		</div>
	);
});

export function GridView({ sheet, version, onChange, onSelect }: Props) {
	const { t, lang } = useText();
	const box = useRef<HTMLDivElement>(null);
	const [filters, setFilters] = useState<Record<number, string>>({});
	const [scroll, setScroll] = useState({ top: 0, height: 500 });         /* top: rows */
	const [focus, setFocus] = useState<Place>({ row: 0, at: 0 });
	const [anchor, setAnchor] = useState<Place>({ row: 0, at: 0 });
	const [editing, drawEditing] = useState<string | null>(null);
	/* Taking the focus away ends an edit, too: what counts is known before anything is drawn. */
	const edit = useRef<string | null>(null);
	const setEditing = (text: string | null): void => {
		edit.current = text;
		drawEditing(text);
	};
	const [drawn, redraw] = useReducer((n: number) => n + 1, 0);
	const dragging = useRef(false);
	const columns = sheet.columns;
	const lefts = useMemo(() => {
		let x = NUMBER;
		return columns.map((f) => {
			const at = x;
			x += widthOfColumn(f);
			return at;
		});
	}, [columns]);
	const styles = useMemo(() => columns.map((f, i) => ({ left: lefts[i], width: widthOfColumn(f) })), [columns, lefts]);
	const total = lefts.length ? lefts[lefts.length - 1]! + widthOfColumn(columns[columns.length - 1]!) : NUMBER;

	const shown = useMemo(() => {
		const wanted = Object.entries(filters).filter(([, v]) => v).map(([at, v]) => [Number(at), v.toLowerCase()] as const);
		return sheet.seen(wanted);
	}, [sheet, version, filters]); // eslint-disable-line react-hooks/exhaustive-deps
	const last = Math.max(0, shown.length - 1);
	const range: Range = {
		top: Math.min(focus.row, anchor.row), bottom: Math.min(last, Math.max(focus.row, anchor.row)),
		left: Math.min(focus.at, anchor.at), right: Math.max(focus.at, anchor.at),
	};
	const selected = (): Row[] => shown.slice(range.top, range.bottom + 1);
	useEffect(() => onSelect(selected(), focus.at), [focus, anchor, shown]); // eslint-disable-line react-hooks/exhaustive-deps

	useLayoutEffect(() => {
		const el = box.current;
		if (!el) return;
		const see = (): void => setScroll((o) => {
			const top = Math.floor(el.scrollTop / ROW);
			return o.top === top && o.height === el.clientHeight ? o : { top, height: el.clientHeight };
		});
		see();
		el.addEventListener('scroll', see, { passive: true });
		const size = new ResizeObserver(see);
		size.observe(el);
		return () => {
			el.removeEventListener('scroll', see);
			size.disconnect();
		};
	}, []);

	const go = (p: Place, extend = false): void => {
		const to = { row: between(p.row, 0, last), at: between(p.at, 0, columns.length - 1) };
		setFocus(to);
		if (!extend) setAnchor(to);
		const el = box.current;
		if (!el) return;
		const y = to.row * ROW;
		if (y < el.scrollTop) el.scrollTop = y;
		else if (y + ROW * 3 + 8 > el.scrollTop + el.clientHeight) el.scrollTop = y + ROW * 3 + 8 - el.clientHeight;
		const x = lefts[to.at]!;
		const w = widthOfColumn(columns[to.at]!);
		if (x - NUMBER < el.scrollLeft) el.scrollLeft = x - NUMBER;
		else if (x + w > el.scrollLeft + el.clientWidth) el.scrollLeft = x + w - el.clientWidth;
	};
	const changed = (did: boolean): void => {
		if (did) onChange();
		redraw();
	};
	const begin = (text?: string): void => {
		const row = shown[focus.row];
		if (row && sheet.mayEdit(row, focus.at)) setEditing(text ?? row.cells[focus.at] ?? '');
	};
	const finish = (all: boolean): void => {
		const text = edit.current;
		if (text === null) return;
		setEditing(null);
		const rows = all ? selected() : [shown[focus.row]!];
		changed(sheet.set(rows.map((row) => ({ row, at: focus.at, text: text.trim() }))));
		box.current?.focus();
	};
	const clear = (): void => changed(sheet.set(selected().flatMap((row) => columns.slice(range.left, range.right + 1).map((_, i) => ({ row, at: range.left + i, text: '' })))));
	const fill = (): void => {
		for (let at = range.left; at <= range.right; at++) changed(sheet.fillDown(selected(), at));
	};

	const onKey = (e: React.KeyboardEvent): void => {
		const ctrl = e.ctrlKey || e.metaKey;
		const page = Math.max(1, Math.floor(scroll.height / ROW) - 3);
		if (e.target !== box.current) {                        /* in the cell's input, or in a filter */
			if (editing === null) return;
			if (e.key === 'Escape') {
				setEditing(null);
				box.current?.focus();
			} else if (e.key === 'Enter' || e.key === 'Tab') {
				finish(ctrl);
				if (!ctrl) go(e.key === 'Tab' ? { row: focus.row, at: focus.at + (e.shiftKey ? -1 : 1) } : { row: focus.row + (e.shiftKey ? -1 : 1), at: focus.at });
			} else return;
			e.preventDefault();
			return;
		}
		const moves: Record<string, Place> = {
			ArrowUp: { row: focus.row - 1, at: focus.at }, ArrowDown: { row: focus.row + 1, at: focus.at },
			ArrowLeft: { row: focus.row, at: focus.at - 1 }, ArrowRight: { row: focus.row, at: focus.at + 1 },
			PageUp: { row: focus.row - page, at: focus.at }, PageDown: { row: focus.row + page, at: focus.at },
			Home: { row: ctrl ? 0 : focus.row, at: 0 }, End: { row: ctrl ? last : focus.row, at: columns.length - 1 },
		};
		const move = moves[e.key];
		if (move) go(move, e.shiftKey);
		else if (e.key === 'Tab') {
			const to = focus.at + (e.shiftKey ? -1 : 1);
			if (to < 0 || to >= columns.length) return;      /* leaves the sheet */
			go({ row: focus.row, at: to });
		} else if (e.key === 'Enter' || e.key === 'F2') begin();
		else if (e.key === 'Delete' || e.key === 'Backspace') clear();
		else if (ctrl && e.key.toLowerCase() === 'z' && !e.shiftKey) changed(sheet.undo());
		else if (ctrl && (e.key.toLowerCase() === 'y' || (e.key.toLowerCase() === 'z' && e.shiftKey))) changed(sheet.redo());
		else if (ctrl && e.key.toLowerCase() === 'd') fill();
		else if (ctrl && e.key.toLowerCase() === 'a') {
			setAnchor({ row: 0, at: 0 });
			setFocus({ row: last, at: columns.length - 1 });
		} else if (!ctrl && !e.altKey && e.key.length === 1) begin(e.key);
		else return;
		e.preventDefault();
	};
	const onCopy = (e: React.ClipboardEvent): void => {
		if (e.target !== box.current) return;
		e.clipboardData.setData('text/plain', formatTsv(selected().map((r) => r.cells.slice(range.left, range.right + 1))));
		e.preventDefault();
	};
	const onPaste = (e: React.ClipboardEvent): void => {
		if (e.target !== box.current) return;
		const block = parseTsv(e.clipboardData.getData('text/plain'));
		const one = block.length === 1 && block[0]!.length === 1 ? block[0]![0]! : null;
		if (one !== null && (range.top < range.bottom || range.left < range.right))
			changed(sheet.set(selected().flatMap((row) => columns.slice(range.left, range.right + 1).map((_, i) => ({ row, at: range.left + i, text: one })))));
		else changed(sheet.paste(shown, range.top, range.left, block));
		e.preventDefault();
	};
	const down = (e: React.MouseEvent, p: Place): void => {
		if (editing !== null) finish(false);
		dragging.current = true;
		go(p, e.shiftKey);
		box.current?.focus();
		e.preventDefault();
	};

	const acts: Hands = {
		down, begin: () => begin(), type: setEditing, leave: () => finish(false),
		whole: (row) => setFocus({ row, at: columns.length - 1 }),
		over: (p) => { if (dragging.current) go(p, true); },
	};
	const latest = useRef(acts);
	useLayoutEffect(() => { latest.current = acts; });
	const hands = useMemo((): Hands => ({
		down: (e, p) => latest.current.down(e, p), whole: (row) => latest.current.whole(row), over: (p) => latest.current.over(p),
		begin: () => latest.current.begin(), type: (text) => latest.current.type(text), leave: () => latest.current.leave(),
	}), []);

	const first = Math.max(0, scroll.top - OVER);
	const count = Math.ceil(scroll.height / ROW) + 2 * OVER;
	const current = shown[focus.row];
	return (
		<div
			ref={box} className="grid" role="grid" tabIndex={0} aria-label={t('grid.title')} aria-rowcount={shown.length} aria-colcount={columns.length}
			onKeyDown={onKey} onCopy={onCopy} onPaste={onPaste} onMouseUp={() => { dragging.current = false; }} onMouseLeave={() => { dragging.current = false; }}
		>
			<div className="grid-head" style={{ width: total }}>
				<span className="grid-number" style={{ width: NUMBER }}>{shown.length}</span>
				{columns.map((f, i) => (
					<span key={f.name} className={has(f, 'required') ? 'required' : undefined} style={{ left: lefts[i], width: widthOfColumn(f) }}>
						<b title={labelOf(f, lang)}>{labelOf(f, lang)}</b>
						<input value={filters[i] ?? ''} placeholder={t('grid.filter')} aria-label={t('grid.filter_of', { name: labelOf(f, lang) })} onChange={(e) => setFilters((o) => ({ ...o, [i]: e.target.value }))} />
					</span>
				))}
			</div>
			<div style={{ height: shown.length * ROW, width: total, position: 'relative' }}>
				{/* A row that leaves the view becomes the one that enters it: texts change, nothing is made. */}
				{shown.slice(first, first + count).map((r, k) => {
					const at = first + k;
					const inside = at >= range.top && at <= range.bottom;
					return (
						<GridRow
							key={at % count} r={r} at={at} columns={columns} styles={styles} total={total} left={inside ? range.left : 1} right={inside ? range.right : 0}
							current={at === focus.row ? focus.at : -1} editing={at === focus.row ? editing : null} lang={lang} hands={hands} version={version + drawn}
						/>
					);
				})}
			</div>
			{columns.map((f) => f.words && <datalist key={f.name} id={`words-${f.name}`}>{f.words.map((w) => <option key={w.word} value={w.word}>{labelOf(w, lang)}</option>)}</datalist>)}
			{current?.errors && <div className="grid-told" role="alert">{current.errors[focus.at] ?? Object.values(current.errors).join(' · ')}</div>}
		</div>
	);
}
