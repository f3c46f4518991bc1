/* Long work: what runs, how far it is, what came of it. */
import { useState } from 'react';
import { DeleteOutlined, DownloadOutlined, LeftOutlined, RightOutlined, StopOutlined } from '@ant-design/icons';
import { Alert, Button, Popconfirm, Progress, Table, Tag, type TableColumnsType } from 'antd';
import { useList, useRefresh } from '../api/calls';
import type { Job, JobState } from '../api/contract';
import { BASE, call } from '../api/http';
import { useJobsNow } from '../api/jobs';
import { useNarrow, useTitle } from '../app/hooks';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { formatBytes, formatCount, formatDateTime } from '../lib/format';

const PAGE = 50;
const COLORS: Record<JobState, string> = { queued: 'default', running: 'processing', done: 'success', failed: 'error', cancelled: 'default', interrupted: 'warning' };
const isOver = (j: Job): boolean => j.state !== 'queued' && j.state !== 'running';

export function Jobs() {
	const { t } = useText();
	const narrow = useNarrow();
	const now = useJobsNow();
	const [cursors, setCursors] = useState<string[]>([]);
	const list = useList<Job>('jobs', { limit: PAGE, cursor: cursors[cursors.length - 1] });
	useTitle(t('menu.jobs'), t('product'));
	const items = (list.data?.items ?? []).map((j) => ({ ...j, ...(isOver(j) ? undefined : now.get(j.id)) }));

	const columns: TableColumnsType<Job> = [
		{ title: t('jobs.what'), key: 'what', width: 200, render: (_, j) => <Title j={j} /> },
		{ title: t('jobs.state'), key: 'state', width: 110, render: (_, j) => <State j={j} /> },
		{ title: t('jobs.progress'), key: 'progress', render: (_, j) => <Far j={j} /> },
		{ title: t('jobs.who'), key: 'who', width: 120, ellipsis: true, render: (_, j) => j.name ?? '' },
		{ title: t('jobs.when'), key: 'when', width: 165, render: (_, j) => <span className="nowrap">{formatDateTime(Date.parse(j.created ?? ''))}</span> },
		{ title: '', key: 'do', width: 130, render: (_, j) => <Actions j={j} /> },
	];
	return (
		<>
			<div className="page-head"><h1>{t('menu.jobs')}</h1></div>
			<section className="sheet" aria-label={t('menu.jobs')}>
				{list.error && <Alert type="error" banner title={problemText(list.error, t)} />}
				{narrow ? <ul className="cards">{items.map((j) => (
					<li className="card" key={j.id}>
						<span className="name"><Title j={j} /></span><State j={j} />
						<span className="side-note">{j.name} · {formatDateTime(Date.parse(j.created ?? ''))}</span><Actions j={j} />
						<span className="small" style={{ gridColumn: '1 / -1' }}><Far j={j} /></span>
					</li>
				))}</ul> : (
					<Table<Job>
						size="small" rowKey="id" columns={columns} dataSource={items} pagination={false} loading={list.isPending} scroll={{ x: 900 }}
						locale={{ emptyText: <div className="empty"><h2>{t('jobs.none')}</h2></div> }}
					/>
				)}
				<div className="foot">
					<Button size="small" icon={<LeftOutlined />} disabled={!cursors.length} aria-label={t('list.previous')} onClick={() => setCursors((c) => c.slice(0, -1))} />
					<Button size="small" icon={<RightOutlined />} disabled={!list.data?.next} aria-label={t('list.next')} onClick={() => setCursors((c) => [...c, list.data!.next!])} />
				</div>
			</section>
		</>
	);
}

function Title({ j }: { j: Job }) {
	const { lang } = useText();
	return <>{(lang === 'zh' ? j.title_zh : j.title) || j.kind}</>;
}

function State({ j }: { j: Job }) {
	const { t } = useText();
	return <Tag color={COLORS[j.state]}>{t(`job_state.${j.state}`)}</Tag>;
}

/** A bar while it runs and its end is known; what it says; the figures when it is over. */
function Far({ j }: { j: Job }) {
	const { lang } = useText();
	const says = (lang === 'zh' ? j.detail_zh : j.detail) ?? '';
	const figures = j.total ? `${formatCount(j.done ?? 0)} / ${formatCount(j.total)}` : '';
	if (j.state === 'running' && j.total) {
		return <><Progress percent={Math.floor((100 * (j.done ?? 0)) / j.total)} size="small" /><span className="muted small">{figures} {says}</span></>;
	}
	return <span className={j.state === 'failed' ? 'q-bad' : 'muted small'}>{[says || figures, j.file_bytes ? formatBytes(j.file_bytes) : ''].filter(Boolean).join(' · ')}</span>;
}

function Actions({ j }: { j: Job }) {
	const { t } = useText();
	const refresh = useRefresh();
	const run = (method: string, path: string): void => void call(method, path).catch(() => undefined).then(() => refresh('jobs'));
	if (!isOver(j)) return <Button size="small" icon={<StopOutlined />} onClick={() => run('POST', `/jobs/${j.id}/cancel`)}>{t('jobs.cancel')}</Button>;
	return (
		<span className="nowrap">
			{j.state === 'done' && j.file && <Button size="small" icon={<DownloadOutlined />} href={`${BASE}/jobs/${j.id}/file`} aria-label={t('jobs.fetch', { file: j.file })} />}
			<Popconfirm title={t('jobs.remove')} okText={t('action.delete')} cancelText={t('action.cancel')} onConfirm={() => run('DELETE', `/jobs/${j.id}`)}>
				<Button size="small" type="text" icon={<DeleteOutlined />} aria-label={t('action.delete')} />
			</Popconfirm>
		</span>
	);
}
