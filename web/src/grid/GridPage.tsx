/*
 * Records of a noun in a sheet: fetched as a stream, edited, saved as one batch that can be undone. On a telephone the list is shown.
 */
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { DeleteOutlined, PlusOutlined, RedoOutlined, SaveOutlined, UndoOutlined } from '@ant-design/icons';
import { Alert, Button } from 'antd';
import { Link, Navigate, useBlocker, useParams, useSearchParams } from 'react-router';
import { fetchAll, useRefresh, useType } from '../api/calls';
import { BASE, post, query } from '../api/http';
import type { Rec, UndoReport } from '../api/contract';
import { useNarrow, useTitle } from '../app/hooks';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { RefSelect } from '../form/RefSelect';
import { titleOf, type TypeForm } from '../form/description';
import { pluralOf } from '../list/useNames';
import { importRecords } from '../screens/PointImport';
import { GridView } from './GridView';
import { cellText, gridColumns, Sheet, type Row } from './sheet';

export function GridPage() {
	const { plural = '' } = useParams();
	const { row, form, error } = useType(plural);
	const narrow = useNarrow();
	/* Only at the beginning: a window made narrower must not lose what was typed. */
	const [small] = useState(narrow);
	const { t } = useText();
	if (error) return <Alert type="error" showIcon title={problemText(error, t)} />;
	if (!form || !row) return <div className="loading" role="status" />;
	if (small || row.may_write === false) return <Navigate to={`/r/${plural}`} replace />;
	return <Grid key={plural} plural={plural} form={form} />;
}

/** ms of work without a pause for the screen, and between two looks at what has come. */
const AT_ONCE = 16;
const LOOK = 250;

/** Line by line as they come, with pauses: what has arrived already would be taken in one go. */
const pause = (): Promise<void> => new Promise((ok) => { setTimeout(ok, 0); });

async function stream(path: string, on: (records: Rec[]) => void, signal: AbortSignal): Promise<void> {
	const r = await fetch(BASE + path, { headers: { Accept: 'application/x-ndjson' }, credentials: 'same-origin', signal });
	if (!r.ok || !r.body) throw new Error(`HTTP ${r.status}`);
	const reader = r.body.pipeThrough(new TextDecoderStream()).getReader();
	let rest = '';
	for (;;) {
		const { done, value } = await reader.read();
		const lines = (rest + (value ?? '')).split('\n');
		rest = done ? '' : lines.pop()!;
		for (let i = 0, since = performance.now(); i < lines.length; i += 50) {
			on(lines.slice(i, i + 50).filter(Boolean).map((l) => JSON.parse(l) as Rec));
			if (performance.now() - since < AT_ONCE) continue;
			await pause();
			since = performance.now();
		}
		if (done) return;
		await pause();
	}
}

/** What references are called: their codes. */
async function codesOf(nouns: string[], signal: AbortSignal): Promise<Map<string, string>> {
	const all = await Promise.all(nouns.map((n) => fetchAll<Rec>(pluralOf(n), { fields: 'id,code,name' }, signal)));
	return new Map(all.flatMap((a) => a.items.map((r) => [r.id, String(r.code ?? r.name ?? r.id)] as const)));
}

function Grid({ plural, form }: { plural: string; form: TypeForm }) {
	const { t, lang } = useText();
	const refresh = useRefresh();
	const [search, setSearch] = useSearchParams();
	const device = search.get('device') ?? '';
	const columns = useMemo(() => gridColumns(form), [form]);
	const [sheet, setSheet] = useState(() => new Sheet(columns));
	const [version, setVersion] = useState(0);
	const [loading, setLoading] = useState(true);
	const [fault, setFault] = useState('');
	const [note, setNote] = useState('');
	const [busy, setBusy] = useState(false);
	const [saved, setSaved] = useState<string | null>(null);
	const [turn, setTurn] = useState(0);
	const selection = useRef<Row[]>([]);
	const bump = useCallback(() => setVersion((v) => v + 1), []);
	const title = t('grid.page', { what: titleOf(form, lang) });
	useTitle(title, t('product'));

	useEffect(() => {
		const stop = new AbortController();
		const next = new Sheet(columns);
		setSheet(next);
		setLoading(true);
		void (async () => {
			try {
				const words: [string, string] = [t('word.yes'), t('word.no')];
				const codes = await codesOf([...new Set(columns.flatMap((f) => (f.kind === 'ref' && f.ref ? [f.ref] : [])))], stop.signal);
				const fields = ['id', 'rev', ...columns.map((f) => f.name)].join(',');
				let looked = 0;
				await stream(`/${plural}${query({ fields, device: device || undefined })}`, (records) => {
					for (const r of records) {
						const ids: Record<number, string> = {};
						const cells = columns.map((f, i) => {
							if (f.kind !== 'ref' || typeof r[f.name] !== 'string') return cellText(f, r[f.name], words);
							ids[i] = r[f.name] as string;
							return codes.get(ids[i]!) ?? ids[i]!;
						});
						next.load(cells, r.id, Number(r.rev), ids);
					}
					if (performance.now() - looked < LOOK) return;
					bump();
					looked = performance.now();
				}, stop.signal);
				if (device && !next.rows.length) next.append(1);
				bump();
			} catch (e) {
				if (!stop.signal.aborted) setFault(problemText(e, t));
			} finally {
				if (!stop.signal.aborted) setLoading(false);
			}
		})();
		return () => stop.abort();
	}, [plural, device, columns, lang, turn]); // eslint-disable-line react-hooks/exhaustive-deps

	const changed = useMemo(() => sheet.changed(), [sheet, version]); // eslint-disable-line react-hooks/exhaustive-deps
	useBlocker(() => changed.length > 0 && !window.confirm(t('grid.leave')));

	const save = async (): Promise<void> => {
		setBusy(true);
		setFault('');
		setNote('');
		try {
			const r = await importRecords(plural, sheet.toCsv(changed), { match: true, file: t('grid.saved_as'), 'set.device': device || undefined });
			sheet.tell(changed, r.errors);
			if (r.failed) setFault(t('grid.wrong', { n: r.failed }));
			else {
				setSaved(r.import ?? null);
				setNote(t('grid.saved', { made: r.created, changed: r.updated, removed: r.deleted ?? 0 }));
				setTurn((n) => n + 1);
				await refresh(plural);
			}
			bump();
		} catch (e) {
			setFault(problemText(e, t));
		} finally {
			setBusy(false);
		}
	};
	const takeBack = async (): Promise<void> => {
		setBusy(true);
		try {
			const r = await post<UndoReport>(`/imports/${saved!}/undo`);
			setSaved(null);
			setNote(t('import.undone', { n: r.deleted + r.restored + r.brought_back }));
			setTurn((n) => n + 1);
			await refresh(plural);
		} catch (e) {
			setFault(problemText(e, t));
		} finally {
			setBusy(false);
		}
	};
	const act = (did: boolean): void => { if (did) bump(); };
	return (
		<>
			<div className="page-head">
				<h1><span className="sub"><Link to={`/r/${plural}`}>{titleOf(form, lang)}</Link> / </span>{t('grid.title')}</h1>
				<Button icon={<UndoOutlined />} disabled={!sheet.mayUndo} onClick={() => act(sheet.undo())}>{t('grid.undo')}</Button>
				<Button icon={<RedoOutlined />} disabled={!sheet.mayRedo} onClick={() => act(sheet.redo())}>{t('grid.redo')}</Button>
				<Button type="primary" icon={<SaveOutlined />} loading={busy && { delay: 300 }} disabled={!changed.length || loading} onClick={() => void save()}>{t('grid.save', { n: changed.length })}</Button>
			</div>
			<section className="sheet" aria-label={title}>
				<div className="bar">
					{columns.some((f) => f.name === 'device') && plural !== 'devices' && (
						<div className="filter"><RefSelect noun="device" value={device} placeholder={t('grid.all_devices')} onChange={(v) => setSearch(v ? { device: v as string } : {}, { replace: true })} /></div>
					)}
					<Button icon={<PlusOutlined />} onClick={() => act(sheet.append(10))}>{t('grid.add')}</Button>
					<Button icon={<DeleteOutlined />} danger onClick={() => act(sheet.remove(selection.current))}>{t('grid.remove')}</Button>
					{saved && <Button onClick={() => void takeBack()}>{t('grid.take_back')}</Button>}
					<span className="muted small">{loading ? t('grid.loading', { n: sheet.rows.length }) : t('grid.keys')}</span>
				</div>
				{fault && <Alert type="error" banner showIcon role="alert" title={fault} />}
				{note && <Alert type="success" banner showIcon role="status" title={note} />}
				<GridView key={turn + device} sheet={sheet} version={version} onChange={bump} onSelect={(rows) => { selection.current = rows; }} />
			</section>
		</>
	);
}
