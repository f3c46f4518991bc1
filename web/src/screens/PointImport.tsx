/*
 * Points from a list: a file of any kind, or pasted rows. The server reads it twice: first only checking, every wrong row shown with
 * the sentence beside the cell; wrong cells are mended where they stand and tried again; then in earnest, and that can be undone.
 */
import { useMemo, useRef, useState } from 'react';
import { DownloadOutlined, UploadOutlined } from '@ant-design/icons';
import { Alert, Button, Checkbox } from 'antd';
import { call, get, Problem, query } from '../api/http';
import { useRefresh, XLSX } from '../api/calls';
import type { ImportReport } from '../api/contract';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { labelOf, type TypeForm } from '../form/description';
import { besideField } from '../form/problem';
import { formatLines, parseCsv, type Table } from '../lib/csv';
import { downloadBlob } from '../lib/download';
import { columnIndex, fieldOf } from '../lib/points-csv';

interface Props {
	form: TypeForm;
	device: string;
	group?: string;
	/** Addresses as the device's driver writes them, for the hint in the field. */
	examples?: string[];
	onDone: (report: ImportReport) => void;
}

const FILES = '.xlsx,.csv,.txt,.tsv,text/csv';

interface ImportJob { id: string; state: string; done: number; total: number; detail?: string; result?: ImportReport | null }
/** Longer lists are a job of the server: it tells how far it is. */
const JOB_ROWS = 5000;

async function importAsJob(plural: string, data: string, params: Record<string, string | boolean | undefined>, onProgress?: (done: number, total: number) => void): Promise<ImportReport> {
	let job = (await call<ImportJob>('POST', `/${plural}/import${query({ ...params, job: true })}`, { text: { type: 'text/csv; charset=utf-8', data } })).data;
	while (job.state === 'queued' || job.state === 'running') {
		await new Promise((ok) => setTimeout(ok, 500));
		job = await get<ImportJob>(`/jobs/${job.id}`);
		onProgress?.(job.done, job.total);
	}
	if (job.result && typeof job.result.rows === 'number') return job.result;
	throw new Error(job.detail ?? job.state);
}

export async function importRecords(plural: string, text: string, params: Record<string, string | boolean | undefined>, onProgress?: (done: number, total: number) => void): Promise<ImportReport> {
	if ((text.match(/\n/g)?.length ?? 0) > JOB_ROWS) return importAsJob(plural, text, params, onProgress);
	try {
		return (await call<ImportReport>('POST', `/${plural}/import${query(params)}`, { text: { type: 'text/csv; charset=utf-8', data: text } })).data;
	} catch (e) {
		/* Wrong rows: the problem carries the same report. */
		const body = e instanceof Problem ? (e.body as unknown as Partial<ImportReport>) : {};
		if (e instanceof Problem && e.status === 422 && Array.isArray(body.errors) && typeof body.rows === 'number') return body as ImportReport;
		throw e;
	}
}

/** Any file a spreadsheet saves, as the table it holds; the server knows the formats. */
async function readFile(plural: string, f: File): Promise<{ text: string; encoding: string }> {
	const type = /\.xlsx$/i.test(f.name) ? XLSX : 'text/csv';
	const a = await call<Blob>('POST', `/${plural}/read`, { text: { type, data: f }, accept: 'text/csv' });
	return { text: await a.data.text(), encoding: a.response.headers.get('X-Encoding') ?? '' };
}

export function PointImport({ form, device, group, examples, onDone }: Props) {
	const { t, lang } = useText();
	const refresh = useRefresh();
	const file = useRef<HTMLInputElement>(null);
	const [text, setText] = useState('');
	const [name, setName] = useState('');
	const [over, setOver] = useState(false);
	const [note, setNote] = useState('');
	const [report, setReport] = useState<ImportReport | null>(null);
	const [partial, setPartial] = useState(false);
	const [busy, setBusy] = useState(false);
	const [fault, setFault] = useState('');
	const [mended, setMended] = useState(0);
	/* Cells are changed in the table itself: a list may have 100,000 rows. */
	const table = useMemo(() => parseCsv(text), [text]);

	const run = async (dry: boolean): Promise<void> => {
		if (busy) return;
		setBusy(true);
		setFault('');
		try {
			const r = await importRecords('points', formatLines(table.rows), { dry_run: dry, partial: (partial && !dry) || undefined, file: name || undefined, 'set.device': device, 'set.group': group }, (done, total) => setNote(t('import.progress', { done, total })));
			setReport(r);
			setMended(0);
			if (!dry && (r.created || r.updated || r.unchanged)) {
				await Promise.all([refresh('points'), refresh('imports')]);
				if (!r.errors.length) onDone(r);
			}
		} catch (e) {
			setFault(problemText(e, t));
		} finally {
			setBusy(false);
		}
	};
	const take = async (f: File): Promise<void> => {
		setBusy(true);
		try {
			const { text: got, encoding } = await readFile('points', f);
			setNote(encoding === 'UTF-8' || encoding === 'XLSX' ? f.name : t('import.converted', { name: f.name, encoding }));
			change(got);
			setName(f.name);
		} catch (e) {
			setFault(problemText(e, t));
		} finally {
			setBusy(false);
		}
	};
	const change = (s: string): void => {
		setText(s);
		setName('');
		setMended(0);
		setReport(null);
		setFault('');
	};
	const mend = (row: Table['rows'][number], at: number, value: string): void => {
		while (row.cells.length <= at) row.cells.push('');
		row.cells[at] = value;
		setMended((n) => n + 1);
	};
	const getTemplate = async (): Promise<void> => {
		try {
			downloadBlob(lang === 'zh' ? '点表模板.xlsx' : 'points-template.xlsx', (await call<Blob>('GET', '/points/template', { accept: XLSX })).data);
		} catch (e) {
			setFault(problemText(e, t));
		}
	};
	const checked = report?.dry_run === true && mended === 0;
	const good = report ? report.created + report.updated + report.unchanged + (report.deleted ?? 0) : 0;
	const isWrong = Boolean(report?.errors.length);
	return (
		<div>
			<div
				className={over ? 'drop over' : 'drop'}
				onDragOver={(e) => { e.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)}
				onDrop={(e) => { e.preventDefault(); setOver(false); const f = e.dataTransfer.files[0]; if (f) void take(f); }}
			>
				<div className="row" style={{ justifyContent: 'center' }}>
					<span>{t('import.drop')}</span>
					<Button icon={<UploadOutlined />} onClick={() => file.current?.click()}>{t('import.choose')}</Button>
					<Button icon={<DownloadOutlined />} onClick={() => void getTemplate()}>{t('import.template')}</Button>
					<input ref={file} type="file" accept={FILES} hidden onChange={(e) => { const f = e.target.files?.[0]; if (f) void take(f); e.target.value = ''; }} />
				</div>
				{note && <div className="small">{note}</div>}
			</div>
			{!name && <>
				<label className="muted small" htmlFor="csv" style={{ display: 'block', margin: '10px 0 3px' }}>{t('import.paste')}</label>
				<textarea
					id="csv" className="csv" spellCheck={false} value={text} onChange={(e) => change(e.target.value)}
					placeholder={['code', 'name', 'address', 'type'].map((n) => { const f = form.fields.find((x) => x.name === n); return f ? labelOf(f, lang) : n; }).join(',') + `\nTI-101,${lang === 'zh' ? '一区温度' : 'Zone 1'},${examples?.[0] ?? '40001'},f32`}
				/>
			</>}
			{fault && <Alert className="gap-below" type="error" showIcon role="alert" title={fault} />}
			<div className="row gap-below" style={{ marginTop: 8 }}>
				<Button loading={busy && { delay: 300 }} disabled={table.rows.length < 2} type={checked && !isWrong ? 'default' : 'primary'} onClick={() => void run(true)}>{t('import.check')}</Button>
				<Button loading={busy && { delay: 300 }} disabled={!checked || (isWrong && !(partial && good > 0))} type={checked && !isWrong ? 'primary' : 'default'} onClick={() => void run(false)}>
					{checked && good ? t('import.do_n', { n: good }) : t('import.do')}
				</Button>
				{checked && isWrong && good > 0 && <Checkbox checked={partial} onChange={(e) => setPartial(e.target.checked)}>{t('import.partial')}</Checkbox>}
				<span className="muted">{table.rows.length > 1 && t('import.rows', { n: table.rows.length - (report?.head?.line ? table.rows.filter((r) => r.line <= report.head!.line).length : 1) })}</span>
			</div>
			{report && (
				<Alert
					className="gap-below" showIcon type={isWrong ? 'error' : 'success'} role="status"
					title={t(report.dry_run ? 'import.would' : 'import.did', { rows: report.rows, created: report.created, updated: report.updated, unchanged: report.unchanged, failed: report.failed })}
					description={isWrong ? t('import.mend') : undefined}
				/>
			)}
			{table.rows.length > 1 && <Rows table={table} form={form} report={report} mended={mended} onMend={mend} onEnter={() => void run(true)} />}
		</div>
	);
}

const SHOWN = 200;

interface RowsProps {
	table: Table;
	form: TypeForm;
	report: ImportReport | null;
	mended: number;
	onMend: (row: Table['rows'][number], at: number, value: string) => void;
	onEnter: () => void;
}

/** The wrong rows, each cell to be mended where it stands; without wrong ones the first of all. */
function Rows({ table, form, report, onMend, onEnter }: RowsProps) {
	const { t, lang } = useText();
	/* What a whole row lacks: the column by its heading. */
	const rowReason = (e: ImportReport['errors'][number]): string => {
		const f = form.fields.find((x) => x.name === e.args?.field);
		return f ? e.detail.replace(f.name, labelOf(f, lang)) : e.detail;
	};
	const headAt = Math.max(0, report?.head?.line ? table.rows.findIndex((r) => r.line === report.head!.line) : 0);
	const head = table.rows[headAt]!.cells;
	const fields = report?.head?.fields ?? head.map((h) => fieldOf(form, h) ?? null);
	const byLine = new Map<number, ImportReport['errors']>();
	for (const e of report?.errors ?? []) byLine.set(e.line, [...(byLine.get(e.line) ?? []), e]);
	const body = table.rows.slice(headAt + 1);
	const wrong = body.filter((r) => byLine.has(r.line));
	const rows = (wrong.length ? wrong : body).slice(0, SHOWN);
	const known = (i: number): boolean => fields[i] !== null && fields[i] !== undefined;
	return (
		<div className="import-rows" tabIndex={0} role="region" aria-label={t('import.table')}>
			<table>
				<thead><tr>
					<th>{t('import.line')}</th>
					{head.map((h, i) => <th key={i} className={known(i) ? '' : 'muted'} title={known(i) ? undefined : t('import.unknown_column')}>{h}{known(i) ? '' : ' ?'}</th>)}
				</tr></thead>
				<tbody>{rows.map((r) => {
					const errors = byLine.get(r.line) ?? [];
					const at = errors.map((e) => columnIndex(head, fields, e.column));
					return (
						<tr key={r.line} className={errors.length ? 'wrong' : undefined}>
							<td className="line">{r.line}{errors.map((e, k) => at[k]! < 0 && <div key={k} className="reason">{rowReason(e)}</div>)}</td>
							{head.map((h, i) => {
								const told = errors.filter((_, k) => at[k] === i);
								if (!errors.length) return <td key={i}>{r.cells[i]}</td>;
								return (
									<td key={i} className={told.length ? 'wrong-cell' : undefined}>
										<input
											value={r.cells[i] ?? ''} aria-label={`${h} ${r.line}`} aria-invalid={told.length > 0}
											onChange={(e) => onMend(r, i, e.target.value)} onKeyDown={(e) => { if (e.key === 'Enter') onEnter(); }}
										/>
										{told.map((e, k) => <div key={k} className="reason">{besideField(e, t)}</div>)}
									</td>
								);
							})}
						</tr>
					);
				})}</tbody>
			</table>
			{(wrong.length || body.length) > rows.length && <p className="muted small">{t('import.more', { n: (wrong.length || body.length) - rows.length })}</p>}
		</div>
	);
}
