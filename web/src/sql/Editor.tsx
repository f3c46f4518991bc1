/* The editor: CodeMirror with the words of SQL, the tables and columns of this platform, and its points. */
import { useEffect, useRef } from 'react';
import { autocompletion, closeBrackets, closeCompletion, closeBracketsKeymap, completionKeymap, snippetCompletion, type Completion, type CompletionContext, type CompletionResult, type CompletionSource } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { keywordCompletionSource, schemaCompletionSource, sql, SQLDialect } from '@codemirror/lang-sql';
import { bracketMatching, HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { EditorState, Prec } from '@codemirror/state';
import { drawSelection, EditorView, highlightSpecialChars, keymap, lineNumbers, placeholder } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { findPoints, type SqlTables } from '../api/sql';
import { columnsNamed, FUNCTIONS, KEYWORDS, placeAt, quoted, SNIPPETS, TYPES } from './complete';

const DuckDB = SQLDialect.define({ keywords: KEYWORDS, builtin: FUNCTIONS, types: TYPES, doubleQuotedStrings: false, operatorChars: '*+-%<>!=&|^/:~', identifierQuotes: '"' });

/* By variables, so that light and dark need no second style. */
const colors = syntaxHighlighting(HighlightStyle.define([
	{ tag: tags.keyword, color: 'var(--link)', fontWeight: '600' },
	{ tag: [tags.string, tags.special(tags.string)], color: 'var(--good)' },
	{ tag: [tags.number, tags.bool, tags.null], color: 'var(--warn)' },
	{ tag: [tags.comment], color: 'var(--ink-3)', fontStyle: 'italic' },
	{ tag: [tags.typeName], color: 'var(--ink-2)' },
]));
const look = EditorView.theme({
	'&': { backgroundColor: 'var(--paper)', color: 'var(--ink)', fontSize: '13px', minHeight: '140px', maxHeight: '45vh' },
	'&.cm-focused': { outline: 'none' },
	'.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.6', overflow: 'auto' },
	'.cm-content': { caretColor: 'var(--ink)', padding: '8px 0' },
	'.cm-content, .cm-gutter': { minHeight: '140px' },
	'.cm-cursor': { borderLeftColor: 'var(--ink)' },
	'.cm-gutters': { backgroundColor: 'var(--soft)', color: 'var(--ink-3)', borderRight: '1px solid var(--line-soft)' },
	'.cm-selectionBackground, &.cm-focused .cm-selectionBackground': { backgroundColor: 'var(--softer)' },
	'.cm-matchingBracket, &.cm-focused .cm-matchingBracket': { backgroundColor: 'var(--softer)', outline: '1px solid var(--line)' },
	'.cm-placeholder': { color: 'var(--ink-3)' },
	'.cm-tooltip': { backgroundColor: 'var(--paper)', border: '1px solid var(--line)', borderRadius: '4px', color: 'var(--ink)' },
	'.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mono)', maxHeight: '16em' },
	'.cm-tooltip-autocomplete > ul > li[aria-selected]': { backgroundColor: 'var(--blue)', color: 'var(--paper)' },
	'.cm-completionDetail': { fontStyle: 'normal', marginLeft: '1em', opacity: '.75' },
});

async function points(c: CompletionContext, word: string): Promise<CompletionResult | null> {
	const items = await findPoints(word.replaceAll('/', ' ').replaceAll('*', ' ').trim());
	if (c.aborted) return null;
	return { from: c.pos - word.length, filter: false, options: items.map((p): Completion => ({ label: String(p.path), apply: String(p.path).replaceAll("'", "''"), detail: String(p.name ?? ''), type: 'constant' })) };
}

/** After FROM functions and tables; elsewhere columns of the functions that stand in the statement. */
function named(known: SqlTables | undefined, c: CompletionContext): CompletionResult | null {
	const place = placeAt(c.state.sliceDoc(Math.max(0, c.pos - 4000), c.pos));
	if (place?.kind === 'table') {
		if (!place.word && !c.explicit) return null;
		const functions = SNIPPETS.filter((s) => known?.functions.some((f) => f.name === s.name));
		return {
			from: c.pos - place.word.length,
			options: [
				...functions.map((s) => snippetCompletion(s.text, { label: s.name, type: 'function', boost: 3, detail: known?.functions.find((f) => f.name === s.name)?.arguments })),
				...(known?.tables ?? []).map((t): Completion => ({ label: t.name, type: 'class', detail: t.title, boost: 2 })),
			],
			validFor: /^\w*$/,
		};
	}
	const word = c.matchBefore(/\w+$/);
	if (!word && !c.explicit) return null;
	return {
		from: word?.from ?? c.pos, validFor: /^\w*$/,
		options: columnsNamed(known, c.state.doc.toString()).map((x): Completion => ({ label: x.name, apply: quoted(x.name), detail: x.type, type: 'property', boost: 1 })),
	};
}

/* In the text of a point there is nothing but points; columns of tables by their name or alias, and the words of SQL, are the editor's own knowledge. */
function sources(known: () => SqlTables | undefined): CompletionSource[] {
	const outside = (of: CompletionSource): CompletionSource => (c) => (placeAt(c.state.sliceDoc(Math.max(0, c.pos - 4000), c.pos))?.kind === 'point' ? null : of(c));
	const words = keywordCompletionSource(DuckDB, true);
	return [
		(c) => {
			const place = placeAt(c.state.sliceDoc(Math.max(0, c.pos - 4000), c.pos));
			return place?.kind === 'point' ? points(c, place.word) : null;
		},
		outside((c) => named(known(), c)),
		outside((c) => (c.matchBefore(/\.\w*$/) ? schemaCompletionSource({ dialect: DuckDB, schema: schemaOf(known()) })(c) : null)),
		outside((c) => (c.matchBefore(/\.\w*$/) ? null : words(c))),
	];
}

const schemaOf = (known?: SqlTables) =>
	Object.fromEntries((known?.tables ?? []).map((t) => [t.name, t.columns.map((c): Completion => ({ label: c.name, apply: quoted(c.name), detail: c.label ?? c.type, type: 'property' }))]));

interface Props {
	value: string;
	onChange: (text: string) => void;
	onRun: () => void;
	tables?: SqlTables;
	label: string;
	hint: string;
	/** Called with what puts a text where the cursor is. */
	onReady?: (insert: (text: string) => void) => void;
}

export function Editor({ value, onChange, onRun, tables, label, hint, onReady }: Props) {
	const host = useRef<HTMLDivElement>(null);
	const view = useRef<EditorView>(null);
	const now = useRef({ onChange, onRun, tables });
	now.current = { onChange, onRun, tables };

	useEffect(() => {
		const run = (): boolean => {
			closeCompletion(v);
			now.current.onRun();
			return true;
		};
		const v = new EditorView({
			parent: host.current!,
			state: EditorState.create({
				doc: value,
				extensions: [
					Prec.highest(keymap.of([{ key: 'Mod-Enter', run }, { key: 'F5', run, preventDefault: true }])),
					lineNumbers(), highlightSpecialChars(), history(), drawSelection(), bracketMatching(), closeBrackets(),
					autocompletion({ icons: false, override: sources(() => now.current.tables) }), sql({ dialect: DuckDB }),
					keymap.of([...closeBracketsKeymap, ...completionKeymap, ...defaultKeymap, ...historyKeymap, indentWithTab]),
					colors, look, EditorView.lineWrapping, placeholder(hint),
					EditorView.contentAttributes.of({ 'aria-label': label, spellcheck: 'false', autocapitalize: 'off' }),
					EditorView.updateListener.of((u) => {
						if (u.docChanged) now.current.onChange(u.state.doc.toString());
					}),
				],
			}),
		});
		view.current = v;
		onReady?.((text) => {
			v.dispatch(v.state.replaceSelection(text));
			v.focus();
		});
		return () => v.destroy();
		// The editor is made once for a language; what changes reaches it below.
	}, [label, hint]);
	useEffect(() => {
		const v = view.current;
		if (v && v.state.doc.toString() !== value) v.dispatch({ changes: { from: 0, to: v.state.doc.length, insert: value } });
	}, [value]);
	return <div ref={host} className="sql-editor" />;
}
