/*
 * Points from a list: pasted or as a file. The server reads it twice: first only checking, every wrong row shown beside its
 * reason; then in earnest. Cells can be mended in the text and checked again.
 */
import { useMemo, useRef, useState } from 'react';
import { DownloadOutlined, UploadOutlined } from '@ant-design/icons';
import { Alert, Button, Checkbox } from 'antd';
import { call, Problem, query } from '../api/http';
import { useRefresh } from '../api/calls';
import type { ImportReport } from '../api/contract';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import type { TypeForm } from '../form/description';
import { decodeText, parseCsv } from '../lib/csv';
import { download } from '../lib/download';
import { columnIndex, fieldOf, template, withColumns } from '../lib/points-csv';

interface Props {
	form: TypeForm;
	device: string;
	group?: string;
	/** Addresses as the device's driver writes them, for the template. */
	examples?: string[];
	onDone: (report: ImportReport) => void;
}

export async function importPoints(text: string, dryRun: boolean, partial: boolean): Promise<ImportReport> {
	try {
		return (await call<ImportReport>('POST', `/points/import${query({ dry_run: dryRun, partial: partial || undefined })}`, { text: { type: 'text/csv; charset=utf-8', data: text } })).data;
	} catch (e) {
		/* Wrong rows: the problem carries the same report. */
		const body = e instanceof Problem ? (e.body as unknown as Partial<ImportReport>) : {};
		if (e instanceof Problem && e.status === 422 && Array.isArray(body.errors) && typeof body.rows === 'number') return body as ImportReport;
		throw e;
	}
}

export function PointImport({ form, device, group, examples, onDone }: Props) {
	const { t, lang } = useText();
	const refresh = useRefresh();
	const file = useRef<HTMLInputElement>(null);
	const [text, setText] = useState('');
	const [over, setOver] = useState(false);
	const [note, setNote] = useState('');
	const [report, setReport] = useState<ImportReport | null>(null);
	const [partial, setPartial] = useState(false);
	const [busy, setBusy] = useState(false);
	const [fault, setFault] = useState('');
	const table = useMemo(() => parseCsv(text), [text]);
	const settled = useMemo(() => ({ device, group: group ?? '' }), [device, group]);

	const run = async (dry: boolean): Promise<void> => {
		if (busy) return;
		setBusy(true);
		setFault('');
		try {
			const r = await importPoints(withColumns(text, form, settled), dry, partial && !dry);
			setReport(r);
			if (!dry && (r.created || r.updated || r.unchanged)) {
				await refresh('points');
				if (!r.errors.length) onDone(r);
			}
		} catch (e) {
			setFault(problemText(e, t));
		} finally {
			setBusy(false);
		}
	};
	const take = async (f: File): Promise<void> => {
		if (/\.xlsx?$/i.test(f.name)) {
			setFault(t('import.not_xlsx'));
			return;
		}
		const { text: got, encoding } = decodeText(new Uint8Array(await f.arrayBuffer()));
		setNote(encoding === 'UTF-8' ? f.name : t('import.converted', { name: f.name, encoding }));
		change(got);
	};
	const change = (s: string): void => {
		setText(s);
		setReport(null);
		setFault('');
	};
	const getTemplate = (): void => {
		const at = examples?.length ? examples : [''];
		const rows = at.slice(0, 3).map((a, i) => [`TI-10${i + 1}`, lang === 'zh' ? `${i + 1} 区温度` : `Zone ${i + 1} temperature`, a, 'f32', 'r', 'device', '°C', '1', '0', '1']);
		download(lang === 'zh' ? '点表模板.csv' : 'points-template.csv', template(form, lang, rows));
	};
	const missing = table.rows[0] ? ['code', 'address'].filter((n) => !table.rows[0]!.cells.some((h) => fieldOf(form, h) === n)) : [];
	const checked = report?.dry_run === true;
	const good = report ? report.created + report.updated + report.unchanged : 0;
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
					<Button icon={<DownloadOutlined />} onClick={getTemplate}>{t('import.template')}</Button>
					<input ref={file} type="file" accept=".csv,.txt,.tsv,text/csv" hidden onChange={(e) => { const f = e.target.files?.[0]; if (f) void take(f); e.target.value = ''; }} />
				</div>
				{note && <div className="small">{note}</div>}
			</div>
			<label className="muted small" htmlFor="csv" style={{ display: 'block', margin: '10px 0 3px' }}>{t('import.paste')}</label>
			<textarea
				id="csv" className="csv" spellCheck={false} value={text} onChange={(e) => change(e.target.value)}
				placeholder={template(form, lang, [['TI-101', lang === 'zh' ? '一区温度' : 'Zone 1', examples?.[0] ?? '', 'f32']]).split('\r\n').slice(0, 2).map((l) => l.split(',').slice(0, 7).join(',')).join('\n')}
			/>
			{fault && <Alert className="gap-below" type="error" showIcon role="alert" title={fault} />}
			{missing.length > 0 && <Alert className="gap-below" type="warning" showIcon title={t('import.missing_columns', { columns: missing.map((m) => t(`field.${m}`)).join(lang === 'zh' ? '、' : ', ') })} />}
			<div className="row gap-below" style={{ marginTop: 8 }}>
				<Button loading={busy && { delay: 300 }} disabled={table.rows.length < 2} type={checked && !report.errors.length ? 'default' : 'primary'} onClick={() => void run(true)}>{t('import.check')}</Button>
				<Button loading={busy && { delay: 300 }} disabled={!checked || (report.errors.length > 0 && !(partial && good > 0))} type={checked && !report.errors.length ? 'primary' : 'default'} onClick={() => void run(false)}>
					{checked && good ? t('import.do_n', { n: good }) : t('import.do')}
				</Button>
				{checked && report.errors.length > 0 && good > 0 && <Checkbox checked={partial} onChange={(e) => setPartial(e.target.checked)}>{t('import.partial')}</Checkbox>}
				<span className="muted">{table.rows.length > 1 && t('import.rows', { n: table.rows.length - 1 })}</span>
			</div>
			{report && (
				<Alert
					className="gap-below" showIcon type={report.errors.length ? 'error' : 'success'} role="status"
					title={t(report.dry_run ? 'import.would' : 'import.did', { rows: report.rows, created: report.created, updated: report.updated, unchanged: report.unchanged, failed: report.failed })}
				/>
			)}
			{table.rows.length > 1 && <Rows table={table} form={form} report={report} />}
		</div>
	);
}

const SHOWN = 400;

/** The rows with their reasons; wrong ones first when the list is long. */
function Rows({ table, form, report }: { table: ReturnType<typeof parseCsv>; form: TypeForm; report: ImportReport | null }) {
	const { t } = useText();
	const head = table.rows[0]!.cells;
	const byLine = new Map<number, ImportReport['errors']>();
	for (const e of report?.errors ?? []) byLine.set(e.line, [...(byLine.get(e.line) ?? []), e]);
	const body = table.rows.slice(1);
	const rows = body.length > SHOWN ? [...body.filter((r) => byLine.has(r.line)), ...body.filter((r) => !byLine.has(r.line))].slice(0, SHOWN) : body;
	return (
		<div className="import-rows" tabIndex={0} role="region" aria-label={t('import.table')}>
			<table>
				<thead><tr>
					<th>{t('import.line')}</th>
					{byLine.size > 0 && <th>{t('import.reason')}</th>}
					{head.map((h, i) => <th key={i} className={fieldOf(form, h) ? '' : 'muted'} title={fieldOf(form, h) ? undefined : t('import.unknown_column')}>{h}{fieldOf(form, h) ? '' : ' ?'}</th>)}
				</tr></thead>
				<tbody>{rows.map((r) => {
					const errors = byLine.get(r.line);
					const cells = new Set(errors?.map((e) => columnIndex(table, form, e.column)));
					return (
						<tr key={r.line} className={errors ? 'wrong' : undefined}>
							<td className="line">{r.line}</td>
							{byLine.size > 0 && <td className="reason">{errors?.map((e) => <div key={e.code + (e.column ?? '')}>✕ {e.detail}</div>)}</td>}
							{head.map((_, i) => <td key={i} className={cells.has(i) ? 'wrong-cell' : undefined}>{r.cells[i]}</td>)}
						</tr>
					);
				})}</tbody>
			</table>
			{body.length > rows.length && <p className="muted small">{t('import.more', { n: body.length - rows.length })}</p>}
		</div>
	);
}
