/* Backups of the whole platform: made, checked, fetched, deleted. Restoring is done where there is no platform yet, and the screen says so. */
import { useState } from 'react';
import { CheckCircleOutlined, DeleteOutlined, DownloadOutlined, PlusOutlined, StopOutlined } from '@ant-design/icons';
import { Alert, App, Button, Form, Input, Modal, Popconfirm, Progress, Table, Tag, Typography, type TableColumnsType } from 'antd';
import { useQueryClient } from '@tanstack/react-query';
import { backupsKey, cancelJob, deleteBackup, isUnderWay, makeBackup, useBackupJob, useBackups, verifyBackup, type Backup } from '../api/backups';
import type { Job } from '../api/contract';
import { BASE } from '../api/http';
import { useNarrow, useTitle } from '../app/hooks';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { formatBytes, formatDateTime } from '../lib/format';

export function Backups() {
	const { t } = useText();
	const narrow = useNarrow();
	const job = useBackupJob().data;
	const list = useBackups(job);
	const [open, setOpen] = useState(false);
	useTitle(t('backup.title'), t('product'));
	const items = list.data?.items ?? [];
	const busy = isUnderWay(job);

	const columns: TableColumnsType<Backup> = [
		{ title: t('backup.time'), key: 'time', width: 170, render: (_, b) => <span className="nowrap">{formatDateTime(Date.parse(b.time))}</span> },
		{ title: t('backup.size'), key: 'size', width: 100, align: 'right', render: (_, b) => formatBytes(b.bytes) },
		{ title: t('backup.version'), key: 'version', width: 90, render: (_, b) => b.version ?? '' },
		{ title: t('backup.state'), key: 'state', width: 230, render: (_, b) => <State b={b} /> },
		{ title: 'SHA-256', key: 'sha256', render: (_, b) => <Sum b={b} /> },
		{ title: '', key: 'do', width: 250, render: (_, b) => <Actions b={b} busy={busy} /> },
	];
	return (
		<>
			<div className="page-head">
				<h1>{t('backup.title')}</h1>
				<Button type="primary" icon={<PlusOutlined />} disabled={busy} onClick={() => setOpen(true)}>{t('backup.make')}</Button>
			</div>
			<p className="muted">{t('backup.intro', { n: list.data?.keep ?? 0 })}</p>
			{job && <UnderWay j={job} />}
			<section className="sheet" aria-label={t('backup.title')}>
				{list.error && <Alert type="error" banner title={problemText(list.error, t)} />}
				{narrow ? <ul className="cards">{items.map((b) => (
					<li className="card" key={b.id}>
						<span className="name">{formatDateTime(Date.parse(b.time))}</span><span>{formatBytes(b.bytes)}</span>
						<span style={{ gridColumn: '1 / -1', justifySelf: 'start' }}><State b={b} /></span>
						<span style={{ gridColumn: '1 / -1', justifySelf: 'start' }}><Actions b={b} busy={busy} /></span>
					</li>
				))}</ul> : (
					<Table<Backup>
						size="small" rowKey="id" columns={columns} dataSource={items} pagination={false} loading={list.isPending} scroll={{ x: 1000 }}
						locale={{ emptyText: <div className="empty"><h2>{t('backup.none')}</h2></div> }}
					/>
				)}
				{narrow && !list.isPending && !items.length && <div className="empty"><h2>{t('backup.none')}</h2></div>}
			</section>
			{open && <Make onClose={() => setOpen(false)} />}
		</>
	);
}

/** What is being made or checked; how the last one failed. */
function UnderWay({ j }: { j: Job }) {
	const { t, lang } = useText();
	const send = useSend();
	const title = (lang === 'zh' ? j.title_zh : j.title) ?? j.kind;
	if (j.state === 'failed' || j.state === 'interrupted') {
		return <Alert className="gap-below" type="warning" showIcon title={`${title}: ${(lang === 'zh' ? j.detail_zh : j.detail) ?? ''}`} />;
	}
	if (!isUnderWay(j)) return null;
	const far = j.total ? Math.floor((100 * (j.done ?? 0)) / j.total) : 0;
	return (
		<section className="sheet sheet-pad gap-below" role="status" aria-label={title}>
			<div style={{ display: 'flex', gap: 12, alignItems: 'center' }}>
				<span className="nowrap">{title}</span>
				<Progress percent={far} style={{ flex: 1, minWidth: 60, margin: 0 }} />
				<Button size="small" icon={<StopOutlined />} onClick={() => send(cancelJob(j.id))}>{t('action.cancel')}</Button>
			</div>
		</section>
	);
}

function State({ b }: { b: Backup }) {
	const { t } = useText();
	return (
		<span style={{ display: 'inline-flex', gap: 4 }}>
			<Tag>{t(b.keys ? 'backup.with_keys' : 'backup.without_keys')}</Tag>
			{b.damaged ? <Tag color="error">{t('backup.damaged')}</Tag> : b.verified
				? <Tag color="success" title={formatDateTime(Date.parse(b.verified))}>{t('backup.whole')}</Tag> : <Tag>{t('backup.unchecked')}</Tag>}
		</span>
	);
}

function Sum({ b }: { b: Backup }) {
	if (!b.sha256) return null;
	return <Typography.Text className="mono" copyable={{ text: b.sha256 }} title={b.sha256}>{`${b.sha256.slice(0, 16)}…`}</Typography.Text>;
}

/** Does it, says what went wrong, and looks again at what there is. */
function useSend(): (what: Promise<unknown>) => void {
	const { t } = useText();
	const { message } = App.useApp();
	const client = useQueryClient();
	return (what) => void what.catch((e: unknown) => void message.error(problemText(e, t))).then(() => client.invalidateQueries({ queryKey: backupsKey }));
}

function Actions({ b, busy }: { b: Backup; busy: boolean }) {
	const { t } = useText();
	const send = useSend();
	return (
		<span className="nowrap" style={{ display: 'inline-flex', gap: 4 }}>
			<Button size="small" icon={<DownloadOutlined />} href={`${BASE}/backups/${b.id}/file`}>{t('backup.fetch')}</Button>
			<Button size="small" icon={<CheckCircleOutlined />} disabled={busy} onClick={() => send(verifyBackup(b.id))}>{t('backup.check')}</Button>
			<Popconfirm title={t('backup.remove', { time: formatDateTime(Date.parse(b.time)) })} okText={t('action.delete')} cancelText={t('action.cancel')} onConfirm={() => send(deleteBackup(b.id))}>
				<Button size="small" type="text" icon={<DeleteOutlined />} aria-label={t('action.delete')} />
			</Popconfirm>
		</span>
	);
}

function Make({ onClose }: { onClose: () => void }) {
	const { t } = useText();
	const client = useQueryClient();
	const [form] = Form.useForm<{ passphrase?: string; again?: string }>();
	const [fault, setFault] = useState('');
	const make = async (): Promise<void> => {
		setFault('');
		let passphrase: string;
		try {
			passphrase = (await form.validateFields()).passphrase ?? '';
		} catch {
			return;                 /* the fields say why */
		}
		try {
			await makeBackup(passphrase);
			await client.invalidateQueries({ queryKey: backupsKey });
			onClose();
		} catch (e) {
			setFault(problemText(e, t));
		}
	};
	return (
		<Modal open title={t('backup.make')} okText={t('backup.make')} cancelText={t('action.cancel')} onCancel={onClose} onOk={() => void make()}>
			<p className="muted">{t('backup.keys_text')}</p>
			<Form form={form} layout="vertical" requiredMark={false}>
				<Form.Item name="passphrase" label={t('backup.passphrase')} rules={[{ min: 8, max: 200, message: t('backup.passphrase_rule') }]}>
					<Input.Password autoComplete="new-password" />
				</Form.Item>
				<Form.Item
					name="again" label={t('backup.again')} dependencies={['passphrase']}
					rules={[({ getFieldValue }) => ({ validator: (_, v) => ((v ?? '') === (getFieldValue('passphrase') ?? '') ? Promise.resolve() : Promise.reject(new Error(t('backup.differs')))) })]}
				>
					<Input.Password autoComplete="new-password" />
				</Form.Item>
			</Form>
			{fault && <Alert type="error" showIcon role="alert" title={fault} />}
		</Modal>
	);
}
