/* SQL over history and records: a statement, its rows or lines, and a file of them. */
import { useEffect, useMemo, useRef, useState } from 'react';
import { DownloadOutlined, LineChartOutlined, PlayCircleOutlined, StopOutlined, TableOutlined } from '@ant-design/icons';
import { Alert, App, Button, Collapse, Dropdown, Segmented, Spin, Tag } from 'antd';
import { useQuery } from '@tanstack/react-query';
import { exportSql, findPoints, ROWS_MAX, runSql, useSqlTables, type SqlAnswer, type SqlTables } from '../api/sql';
import { useNarrow, useTitle } from '../app/hooks';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { downloadBlob } from '../lib/download';
import { formatCount } from '../lib/format';
import { chartOf } from '../sql/chart';
import { examples, quoted, SNIPPETS } from '../sql/complete';
import { Editor } from '../sql/Editor';
import { Grid, isPlan, Plan, TimeChart } from '../sql/Result';

const KEY = 'tenon.sql';

interface Done {
	answer?: SqlAnswer;
	fault?: string;
	ms: number;
}

/** Runs one statement at a time; a second one, or leaving the screen, ends the first. */
function useRun() {
	const { t } = useText();
	const [busy, setBusy] = useState(false);
	const [done, setDone] = useState<Done>();
	const under = useRef<AbortController>(null);
	useEffect(() => () => under.current?.abort(), []);
	const run = async (sql: string): Promise<void> => {
		under.current?.abort();
		const mine = (under.current = new AbortController());
		const began = performance.now();
		setBusy(true);
		try {
			const answer = await runSql(sql, mine.signal);
			if (under.current === mine) setDone({ answer, fault: answer.error?.detail, ms: performance.now() - began });
		} catch (e) {
			if (under.current === mine) setDone({ fault: mine.signal.aborted ? t('sql.stopped') : problemText(e, t), ms: performance.now() - began });
		} finally {
			if (under.current === mine) setBusy(false);
		}
	};
	return { busy, done, run, stop: () => under.current?.abort() };
}

export function Sql() {
	const { t, lang } = useText();
	const narrow = useNarrow();
	const { message } = App.useApp();
	const [text, setText] = useState(() => localStorage.getItem(KEY) ?? '');
	const insert = useRef<(text: string) => void>(() => {});
	const { data: tables, error } = useSqlTables(lang);
	const first = useQuery({ queryKey: ['sql', 'first'], queryFn: () => findPoints('') }).data?.[0];
	const { busy, done, run, stop } = useRun();
	const [saving, setSaving] = useState(false);
	useTitle(t('sql.title'), t('product'));
	useEffect(() => localStorage.setItem(KEY, text), [text]);

	const start = (): void => {
		if (text.trim() && tables?.available !== false) void run(text);
	};
	const save = async (): Promise<void> => {
		setSaving(true);
		try {
			downloadBlob('query.csv', await exportSql(text, new AbortController().signal));
		} catch (e) {
			void message.error(problemText(e, t));
		} finally {
			setSaving(false);
		}
	};
	const choices = examples(String(first?.path ?? '*'));
	const known = !error && <Known tables={tables} onInsert={(s) => insert.current(s)} />;
	return (
		<>
			<div className="page-head">
				<h1>{t('sql.title')}</h1>
				<Dropdown menu={{ items: choices.map((c) => ({ key: c.key, label: t(`sql.example.${c.key}`) })), onClick: ({ key }) => setText(choices.find((c) => c.key === key)!.sql) }}>
					<Button>{t('sql.examples')}</Button>
				</Dropdown>
			</div>
			{error && <Alert className="gap-below" type="error" showIcon title={problemText(error, t)} />}
			{tables?.available === false && <Alert className="gap-below" type="warning" showIcon title={t('sql.missing')} />}
			<div className="sql-page">
				<div className="sql-main">
					<section className="sheet" aria-label={t('sql.statement')}>
						<Editor value={text} onChange={setText} onRun={start} tables={tables} label={t('sql.statement')} hint="SELECT * FROM last('*')" onReady={(fn) => { insert.current = fn; }} />
						<div className="foot" style={{ justifyContent: 'flex-start' }}>
							{busy ? <Button danger icon={<StopOutlined />} onClick={stop}>{t('sql.stop')}</Button>
								: <Button type="primary" icon={<PlayCircleOutlined />} disabled={!text.trim() || tables?.available === false} onClick={start}>{t('sql.run')}</Button>}
							<Button icon={<DownloadOutlined />} loading={saving} disabled={!text.trim() || busy || tables?.available === false} onClick={() => void save()}>{t('sql.csv')}</Button>
							{!narrow && <span className="small muted">{t('sql.keys')}</span>}
						</div>
					</section>
					<Outcome busy={busy} done={done} />
				</div>
				<aside className="sql-side" aria-label={t('sql.known')}>
					{narrow ? <Collapse items={[{ key: 'known', label: t('sql.known'), children: known }]} /> : <section className="sheet"><h2 className="sql-side-head">{t('sql.known')}</h2>{known}</section>}
				</aside>
			</div>
		</>
	);
}

function Outcome({ busy, done }: { busy: boolean; done?: Done }) {
	const { t } = useText();
	const [view, setView] = useState<'rows' | 'chart'>('rows');
	const answer = done?.answer;
	const chart = useMemo(() => (answer ? chartOf(answer) : null), [answer]);
	if (!done && !busy) return <section className="sheet empty"><h2>{t('sql.nothing')}</h2><p className="muted">{t('sql.nothing_text')}</p></section>;
	return (
		<section className="sheet" aria-label={t('sql.result')} aria-busy={busy}>
			<div className="bar">
				<span role="status" className="grow">
					{busy ? <><Spin size="small" /> {t('sql.running')}</> : answer
						? <>{t('sql.rows', { n: formatCount(answer.count) })} · {done.ms < 1000 ? `${Math.round(done.ms)} ms` : `${(done.ms / 1000).toFixed(1)} s`} {answer.truncated && <Tag color="warning">{t('sql.cut', { n: formatCount(ROWS_MAX) })}</Tag>}</>
						: t('sql.failed')}
				</span>
				{chart && !busy && <Segmented<'rows' | 'chart'>
					size="small" value={view} onChange={setView} aria-label={t('sql.view')}
					options={[{ value: 'rows', icon: <TableOutlined />, label: t('sql.grid') }, { value: 'chart', icon: <LineChartOutlined />, label: t('sql.chart') }]}
				/>}
			</div>
			{done?.fault && !busy && <pre className="sql-fault" role="alert">{done.fault}</pre>}
			{answer && !busy && (isPlan(answer) ? <Plan answer={answer} /> : chart && view === 'chart'
				? <><TimeChart chart={chart} label={t('sql.chart')} time={t('sql.time')} />{chart.cut && <p className="small muted sql-note">{t('sql.lines_cut', { n: chart.lines.length })}</p>}</>
				: <Grid answer={answer} label={t('sql.result')} />)}
		</section>
	);
}

/** What a statement may name; a press puts it where the cursor is. */
function Known({ tables, onInsert }: { tables?: SqlTables; onInsert: (text: string) => void }) {
	const { t } = useText();
	const [open, setOpen] = useState<string[]>([]);
	if (!tables) return <div className="sheet-pad"><Spin size="small" /></div>;
	const snippet = (name: string): string => (SNIPPETS.find((s) => s.name === name)?.text ?? name).replace(/\$\{(\w+)\}/g, (_, w: string) => (w === 'point' ? '*' : w));
	const all = [
		...tables.functions.map((f) => ({ name: f.name, shown: `${f.name}(${f.arguments})`, title: t(`sql.function.${f.name}`), columns: f.columns, text: snippet(f.name) })),
		...tables.tables.map((f) => ({ name: f.name, shown: f.name, title: f.title, columns: f.columns, text: f.name })),
	];
	return (
		<ul className="sql-known">
			{all.map((x) => (
				<li key={x.name}>
					<div className="sql-known-row">
						<button type="button" className="sql-fold" aria-expanded={open.includes(x.name)} aria-label={t('sql.columns_of', { name: x.name })}
							onClick={() => setOpen((o) => (o.includes(x.name) ? o.filter((n) => n !== x.name) : [...o, x.name]))}>{open.includes(x.name) ? '▾' : '▸'}</button>
						<button type="button" className="sql-name" title={t('sql.insert')} onClick={() => onInsert(x.text)}><span className="mono">{x.shown}</span><span className="small muted">{x.title}</span></button>
					</div>
					{open.includes(x.name) && <ul>{x.columns.map((c) => (
						<li key={c.name}><button type="button" className="sql-name" title={c.type} onClick={() => onInsert(quoted(c.name))}><span className="mono">{c.name}</span><span className="small muted">{c.label ?? c.type}</span></button></li>
					))}</ul>}
				</li>
			))}
		</ul>
	);
}
