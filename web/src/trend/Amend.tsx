/* Samples between the cursors: looked at one by one, corrected, deleted; all of a point erased. Each asks for a reason, and what cannot be taken back is typed. */
import { useState } from 'react';
import { DeleteOutlined, EditOutlined, PlusOutlined, UndoOutlined } from '@ant-design/icons';
import { Alert, App, Button, Checkbox, Form, Input, Modal, Select, Space, Table, Tabs, type TableColumnsType } from 'antd';
import { useQueryClient } from '@tanstack/react-query';
import { amendKey, correct, countSamples, deleteSamples, erasePoint, SAMPLES_SHOWN, undoCorrection, useCorrections, useSamples, type Correction } from '../api/amend';
import { useMay } from '../api/calls';
import type { Point, Scalar } from '../api/contract';
import { useNarrow } from '../app/hooks';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { QualityText } from '../lib/Quality';
import { formatDateTime, formatTime, formatValue } from '../lib/format';
import { isoOf, valueOf } from './typed';

interface Row { time: string; ms: number; v: Scalar; q: number }
type Doing = { what: 'delete'; n: number } | { what: 'erase' } | { what: 'correct'; row?: Row } | { what: 'undo'; of: Correction };

/** The button under the plot; nothing for who may do none of it. */
export function Amend({ points, from, to }: { points: Point[]; from: number; to: number }) {
	const { t } = useText();
	const may = useMay();
	const [open, setOpen] = useState(false);
	if (!points.length || !['history.delete', 'history.correct', 'history.erase'].some(may)) return null;
	return (
		<>
			<button type="button" className="link-button" onClick={() => setOpen(true)}>{t('amend.open')}</button>
			{open && <Samples points={points} from={isoOf(Math.min(from, to))} to={isoOf(Math.max(from, to))} onClose={() => setOpen(false)} />}
		</>
	);
}

function Samples({ points, from, to, onClose }: { points: Point[]; from: string; to: string; onClose: () => void }) {
	const { t } = useText();
	const may = useMay();
	const { message } = App.useApp();
	const narrow = useNarrow();
	const [id, setId] = useState(points[0]!.id);
	const [doing, setDoing] = useState<Doing | null>(null);
	const point = points.find((p) => p.id === id) ?? points[0]!;
	const samples = useSamples(point.id, from, to);
	const corrections = useCorrections(point.id);
	const rows = (samples.data?.series ?? []).flatMap((s) => s.t.map((us, i): Row => ({ time: isoOf(us / 1e6, s.ns?.[i]), ms: us / 1000, v: s.v?.[i] ?? null, q: s.q?.[i] ?? 0 })));
	const ask = (): void => {
		countSamples({ points: [point.id], from, to }).then((c) => setDoing({ what: 'delete', n: c.samples }), (e: unknown) => void message.error(problemText(e, t)));
	};
	const columns: TableColumnsType<Row> = [
		{ title: t('field.time'), key: 'time', width: narrow ? 105 : 200, render: (_, r) => <span className="nowrap">{(narrow ? formatTime : formatDateTime)(r.ms, true)}</span> },
		{ title: t('amend.value'), key: 'value', align: 'right', render: (_, r) => formatValue(r.v, { type: point.type }) },
		{ title: t('amend.quality'), key: 'quality', render: (_, r) => <QualityText q={r.q} /> },
		...(may('history.correct') ? [{ title: '', key: 'do', width: narrow ? 44 : 60, render: (_: unknown, r: Row) => <Button size="small" icon={<EditOutlined />} aria-label={t('amend.correct')} title={t('amend.correct')} onClick={() => setDoing({ what: 'correct', row: r })} /> }] : []),
	];
	return (
		<Modal open title={t('amend.title')} footer={null} width={760} onCancel={onClose}>
			<Space wrap size={[8, 8]}>
				<Select size="small" value={point.id} onChange={setId} aria-label={t('term.point')} options={points.map((p) => ({ value: p.id, label: p.name || p.code }))} style={{ minWidth: 160 }} />
				<span className="muted small">{formatDateTime(Date.parse(from))} – {formatDateTime(Date.parse(to))}</span>
				{may('history.correct') && <Button size="small" icon={<PlusOutlined />} onClick={() => setDoing({ what: 'correct' })}>{t('amend.add')}</Button>}
				{may('history.delete') && <Button size="small" danger icon={<DeleteOutlined />} onClick={ask}>{t('amend.delete_range')}</Button>}
				{may('history.erase') && <Button size="small" danger onClick={() => setDoing({ what: 'erase' })}>{t('amend.erase')}</Button>}
			</Space>
			<Tabs
				size="small" items={[
					{ key: 'samples', label: t('amend.samples'), children: (
						<>
							{samples.error && <Alert type="error" banner title={problemText(samples.error, t)} />}
							{samples.data?.truncated && <Alert type="info" banner title={t('amend.first', { n: SAMPLES_SHOWN })} />}
							<Table<Row> size="small" rowKey="time" columns={columns} dataSource={rows} loading={samples.isPending} pagination={{ pageSize: 20, hideOnSinglePage: true, showSizeChanger: false }} scroll={{ x: narrow ? 310 : 480 }} />
						</>
					) },
					{ key: 'corrections', label: t('amend.corrections'), children: <Corrections list={corrections.data?.items ?? []} fault={corrections.error} busy={corrections.isPending} onUndo={(of) => setDoing({ what: 'undo', of })} /> },
				]}
			/>
			{doing && <Ask doing={doing} point={point} from={from} to={to} onClose={() => setDoing(null)} />}
		</Modal>
	);
}

function Corrections({ list, fault, busy, onUndo }: { list: Correction[]; fault: unknown; busy: boolean; onUndo: (c: Correction) => void }) {
	const { t } = useText();
	const may = useMay()('history.correct');
	const text = (v: unknown): string => (v === null || v === undefined ? '–' : String(v));
	const columns: TableColumnsType<Correction> = [
		{ title: t('field.time'), key: 'time', width: 165, render: (_, c) => <span className="nowrap">{formatDateTime(Date.parse(c.time))}</span> },
		{ title: t('amend.change'), key: 'change', render: (_, c) => `${text(c.before)} → ${text(c.value)}` },
		{ title: t('amend.reason'), key: 'reason', dataIndex: 'reason' },
		{ title: t('amend.who'), key: 'who', render: (_, c) => <>{c.name}<br /><span className="muted small">{formatDateTime(Date.parse(c.created))}</span></> },
		{ title: '', key: 'do', width: 100, render: (_, c) => (c.state === 'undone' ? <span className="muted">{t('amend.undone')}</span> : may && <Button size="small" icon={<UndoOutlined />} onClick={() => onUndo(c)}>{t('amend.undo')}</Button>) },
	];
	return (
		<>
			{fault !== null && fault !== undefined && <Alert type="error" banner title={problemText(fault, t)} />}
			<Table<Correction> size="small" rowKey="id" columns={columns} dataSource={list} loading={busy} pagination={{ pageSize: 20, hideOnSinglePage: true, showSizeChanger: false }} scroll={{ x: 560 }} />
		</>
	);
}

interface Said { time?: string; value?: string; reason: string; typed?: string; backups?: boolean }

/** Why, and for what cannot be taken back the words that say it is meant. */
function Ask({ doing, point, from, to, onClose }: { doing: Doing; point: Point; from: string; to: string; onClose: () => void }) {
	const { t } = useText();
	const may = useMay();
	const client = useQueryClient();
	const { message } = App.useApp();
	const [form] = Form.useForm<Said>();
	const [busy, setBusy] = useState(false);
	const [fault, setFault] = useState('');
	const title = t(`amend.do_${doing.what}`);
	const must = doing.what === 'delete' ? String(doing.n) : doing.what === 'erase' ? point.code : '';
	const act = (s: Said): Promise<unknown> => {
		if (doing.what === 'delete') return deleteSamples({ points: [point.id], from, to }, s.reason);
		if (doing.what === 'erase') return erasePoint(point.id, s.reason, Boolean(s.backups));
		if (doing.what === 'undo') return undoCorrection(doing.of.id, s.reason);
		return correct(point.id, doing.row?.time ?? s.time ?? '', valueOf(s.value ?? '', point.type), s.reason);
	};
	const go = async (): Promise<void> => {
		const s = await form.validateFields().catch(() => null);
		if (!s) return;
		setBusy(true);
		setFault('');
		try {
			await act(s);
			void message.success(t(`amend.did_${doing.what}`));
			/* What the plot shows and measures is of these samples, too. */
			for (const queryKey of [amendKey, ['samples'], ['between']]) void client.invalidateQueries({ queryKey });
			onClose();
		} catch (e) {
			setFault(problemText(e, t));
		} finally {
			setBusy(false);
		}
	};
	return (
		<Modal open title={title} okText={title} cancelText={t('action.cancel')} confirmLoading={busy} okButtonProps={{ danger: must !== '' }} onCancel={onClose} onOk={() => void go()}>
			{doing.what === 'delete' && <p>{t('amend.delete_text', { n: doing.n, name: point.name || point.code })}</p>}
			{doing.what === 'erase' && <p>{t('amend.erase_text', { name: point.name || point.code })}</p>}
			{doing.what === 'correct' && doing.row && <p>{formatDateTime(doing.row.ms, true)}: {formatValue(doing.row.v, { type: point.type })}</p>}
			<Form form={form} layout="vertical" requiredMark={false} initialValues={{ time: from, value: doing.what === 'correct' && doing.row ? String(doing.row.v ?? '') : '' }}>
				{doing.what === 'correct' && !doing.row && <Form.Item name="time" label={t('amend.time')} rules={[{ required: true, message: t('amend.needed') }]}><Input /></Form.Item>}
				{doing.what === 'correct' && <Form.Item name="value" label={t('amend.value')} rules={[{ required: true, message: t('amend.needed') }]}><Input /></Form.Item>}
				<Form.Item name="reason" label={t('amend.reason')} rules={[{ required: true, max: 500, message: t('amend.needed') }]}><Input.TextArea rows={2} /></Form.Item>
				{doing.what === 'erase' && may('system.backup') && <Form.Item name="backups" valuePropName="checked"><Checkbox>{t('amend.backups')}</Checkbox></Form.Item>}
				{must !== '' && (
					<Form.Item name="typed" label={t('amend.type', { text: must })} rules={[{ validator: (_, v) => (v === must ? Promise.resolve() : Promise.reject(new Error(t('amend.type', { text: must })))) }]}>
						<Input autoComplete="off" />
					</Form.Item>
				)}
			</Form>
			{fault && <Alert type="error" showIcon role="alert" title={fault} />}
		</Modal>
	);
}
