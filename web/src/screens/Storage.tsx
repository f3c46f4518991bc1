/* The store of samples: size, growth, what waits, what somebody should do; checked and merged from here. */
import { MergeCellsOutlined, SafetyCertificateOutlined, StopOutlined } from '@ant-design/icons';
import { Alert, App, Button, Progress, Table, type TableColumnsType } from 'antd';
import { useQueryClient } from '@tanstack/react-query';
import type { TFunction } from 'i18next';
import { cancelJob, isUnderWay } from '../api/backups';
import { useMay } from '../api/calls';
import type { Job } from '../api/contract';
import { checkStore, mergeStore, storageKey, useStoreJob, useStoreStats, type Checked, type Fault, type Folder, type Level, type StoreStats } from '../api/storage';
import { useNarrow, useTitle } from '../app/hooks';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { formatBytes, formatCount, formatDateTime, formatNumber } from '../lib/format';
import { Retention } from './Retention';

const perSample = (l: { samples: number; bytes_per_sample: number }): string => (l.samples ? formatNumber(l.bytes_per_sample, 2) : '');

export function Storage() {
	const { t } = useText();
	const stats = useStoreStats();
	const job = useStoreJob().data;
	const may = useMay()('system.write');
	const send = useSend();
	const busy = isUnderWay(job);
	const s = stats.data;
	useTitle(t('storage.title'), t('product'));
	return (
		<>
			<div className="page-head">
				<h1>{t('storage.title')}</h1>
				{may && <span style={{ display: 'inline-flex', gap: 8, flexWrap: 'wrap' }}>
					<Button icon={<SafetyCertificateOutlined />} disabled={busy} onClick={() => send(checkStore())}>{t('storage.check')}</Button>
					<Button icon={<MergeCellsOutlined />} disabled={busy} onClick={() => send(mergeStore())}>{t('storage.merge')}</Button>
				</span>}
			</div>
			{stats.error && <Alert className="gap-below" type="error" showIcon title={problemText(stats.error, t)} />}
			{s?.notes.map((n) => <Alert className="gap-below" key={n.text} type={n.level} showIcon title={n.text} />)}
			{s && !s.notes.length && !isDamaged(job) && <Alert className="gap-below" type="success" showIcon title={t('storage.fine')} />}
			{job && <Begun j={job} />}
			{s && <Figures s={s} />}
			{s && <Levels s={s} />}
			{s && <Retention />}
			{s && <Folders s={s} />}
		</>
	);
}

/** Does it, says what went wrong, and looks again. */
function useSend(): (what: Promise<unknown>) => void {
	const { t } = useText();
	const { message } = App.useApp();
	const client = useQueryClient();
	return (what) => void what.catch((e: unknown) => void message.error(problemText(e, t))).then(() => client.invalidateQueries({ queryKey: storageKey }));
}

type Ended = Job & { result?: Checked; ended?: string | null };

const isDamaged = (j?: Job): boolean => {
	const c = j?.kind === 'history.check' ? (j as Ended).result : undefined;
	return !!c && c.faults > c.harmless;
};

/** What was begun: how far it is, or what came of it. */
function Begun({ j }: { j: Job }) {
	const { t, lang } = useText();
	const send = useSend();
	const title = (lang === 'zh' ? j.title_zh : j.title) ?? j.kind;
	if (j.state === 'failed' || j.state === 'interrupted') {
		return <Alert className="gap-below" type="warning" showIcon title={`${title}: ${(lang === 'zh' ? j.detail_zh : j.detail) ?? ''}`} />;
	}
	if (!isUnderWay(j)) return j.kind === 'history.check' && j.state === 'done' ? <Outcome j={j} /> : null;
	const far = j.total ? Math.floor((100 * (j.done ?? 0)) / j.total) : undefined;
	return (
		<section className="sheet sheet-pad gap-below" role="status" aria-label={title}>
			<div style={{ display: 'flex', gap: 12, alignItems: 'center' }}>
				<span className="nowrap">{title}</span>
				{far === undefined ? <span style={{ flex: 1 }}>{formatCount(j.done ?? 0)}</span> : <Progress percent={far} style={{ flex: 1, minWidth: 60, margin: 0 }} />}
				<Button size="small" icon={<StopOutlined />} onClick={() => send(cancelJob(j.id))}>{t('action.cancel')}</Button>
			</div>
		</section>
	);
}

function Outcome({ j }: { j: Job }) {
	const { t } = useText();
	const { result: c, ended } = j as Ended;
	if (!c) return null;
	const when = ended ? formatDateTime(Date.parse(ended)) : '';
	if (c.faults === c.harmless) return <Alert className="gap-below" type="success" showIcon title={t('storage.whole', { when, files: formatCount(c.files), samples: formatCount(c.samples) })} />;
	return (
		<section className="sheet sheet-pad gap-below" aria-label={t('storage.faults')}>
			<Alert type="error" showIcon title={t('storage.damaged', { when, n: c.faults - c.harmless, lost: formatCount(c.lost) })} />
			<ul className="cards">
				{c.list.filter((f) => !f.harmless).map((f) => <li className="card" key={f.file + f.kind}><FaultText f={f} /></li>)}
			</ul>
		</section>
	);
}

function FaultText({ f }: { f: Fault }) {
	const { t, lang } = useText();
	return (
		<div style={{ gridColumn: '1 / -1', minWidth: 0 }}>
			<div>{lang === 'zh' ? f.text_zh : f.text}</div>
			<div className="mono muted" style={{ overflowWrap: 'anywhere' }}>{f.file}</div>
			{f.samples > 0 && f.from && f.to && <div className="muted">{t('storage.concerns', { samples: formatCount(f.samples), points: f.points ?? 0,
				from: formatDateTime(Date.parse(f.from)), to: formatDateTime(Date.parse(f.to)) })}</div>}
			{f.first?.filter(Boolean).map((path) => <div className="muted" key={path} style={{ overflowWrap: 'anywhere' }}>{path}</div>)}
		</div>
	);
}

function Figure({ name, value, more }: { name: string; value: string; more?: string }) {
	return (
		<div style={{ minWidth: 150 }}>
			<div className="muted">{name}</div>
			<div style={{ fontSize: 20, fontVariantNumeric: 'tabular-nums' }}>{value}</div>
			{more && <div className="muted">{more}</div>}
		</div>
	);
}

/** "30d" and the like as days. */
const ageDays = (age?: string | null): string => (age ? /^(\d+)d/.exec(age)?.[1] ?? age : '');

function mergingText(s: StoreStats, t: TFunction): string {
	if (!s.merging) return t('storage.merging_not');
	const day = s.merging_day?.slice(0, 10) ?? '';
	return t('storage.merging_now', { day, far: s.merging_total ? Math.floor((100 * s.merging_samples) / s.merging_total) : 0 });
}

function Figures({ s }: { s: StoreStats }) {
	const { t } = useText();
	return (
		<section className="sheet sheet-pad gap-below" aria-label={t('storage.figures')}>
			<div style={{ display: 'flex', gap: 24, flexWrap: 'wrap' }}>
				<Figure name={t('storage.size')} value={formatBytes(s.bytes)} more={t('storage.per_sample', { bytes: perSample(s) || '—' })} />
				<Figure name={t('storage.samples')} value={formatCount(s.samples)} more={t('storage.series', { n: formatCount(s.series) })} />
				<Figure name={t('storage.growth')} value={s.growth ? formatBytes(s.growth) : '—'}
					more={s.days_left == null ? t('storage.left_unknown') : t('storage.left', { n: formatCount(Math.floor(s.days_left)) })} />
				<Figure name={t('storage.files')} value={formatCount(s.files)} more={t('storage.of_days', { days: formatCount(s.days), most: s.files_of_day })} />
				<Figure name={t('storage.waiting')} value={formatCount(s.waiting_files)} more={formatBytes(s.waiting_bytes)} />
				<Figure name={t('storage.merging')} value={mergingText(s, t)} />
				<Figure name={t('storage.memory')} value={formatBytes(s.head_bytes)} more={t('storage.memory_of', { max: formatBytes(s.head_bytes_max), n: formatCount(s.head_samples) })} />
				<Figure name={t('storage.log')} value={formatBytes(s.log_bytes)} more={t('storage.lag', { unread: formatCount(s.log_unread), unfiled: formatCount(s.log_unfiled) })} />
			</div>
		</section>
	);
}

function Levels({ s }: { s: StoreStats }) {
	const { t } = useText();
	const narrow = useNarrow();
	const columns: TableColumnsType<Level> = [
		{ title: t('storage.level'), key: 'level', render: (_, l) => t(`storage.level_${l.level}`) },
		{ title: t('storage.files'), key: 'files', align: 'right', render: (_, l) => formatCount(l.files) },
		{ title: t('storage.size'), key: 'bytes', align: 'right', render: (_, l) => formatBytes(l.bytes) },
		{ title: t('storage.samples'), key: 'samples', align: 'right', render: (_, l) => formatCount(l.samples) },
		{ title: t('storage.sample_bytes'), key: 'per', align: 'right', render: (_, l) => perSample(l) },
	];
	return (
		<section className="sheet gap-below" aria-label={t('storage.level')}>
			{narrow ? <ul className="cards">{s.levels.map((l) => (
				<li className="card" key={l.level}>
					<span className="name">{t(`storage.level_${l.level}`)}</span><span>{formatBytes(l.bytes)}</span>
					<span className="muted" style={{ gridColumn: '1 / -1', justifySelf: 'start' }}>{t('storage.level_line', { files: formatCount(l.files), samples: formatCount(l.samples) })}</span>
				</li>
			))}</ul> : <Table<Level> size="small" rowKey="level" columns={columns} dataSource={s.levels} pagination={false} />}
		</section>
	);
}

function Folders({ s }: { s: StoreStats }) {
	const { t } = useText();
	return (
		<section className="sheet sheet-pad" aria-label={t('storage.folders')}>
			{s.folders.map((f) => <FolderLine key={f.folder} f={f} s={s} />)}
			{s.folders.length < 2 && <p className="muted">{t('storage.no_second')}</p>}
		</section>
	);
}

function FolderLine({ f, s }: { f: Folder; s: StoreStats }) {
	const { t } = useText();
	const used = f.total ? Math.round((100 * (f.total - f.free)) / f.total) : 0;
	return (
		<div className="gap-below">
			<div><strong>{t(`storage.folder_${f.folder}`)}</strong> <span className="mono muted" style={{ overflowWrap: 'anywhere' }}>{f.path}</span></div>
			<div className="muted">{t('storage.folder_line', { files: formatCount(f.files), size: formatBytes(f.bytes) })}
				{f.folder === 'second' && s.second_age && ` · ${t('storage.age', { n: ageDays(s.second_age) })}`}
				{f.folder === 'second' && s.moving_files > 0 && ` · ${t('storage.moving', { files: formatCount(s.moving_files), size: formatBytes(s.moving_bytes) })}`}
			</div>
			{f.reachable && f.total > 0
				? <Progress percent={used} status={used > 95 ? 'exception' : 'normal'} format={() => t('storage.free', { free: formatBytes(f.free) })} style={{ maxWidth: 520 }} />
				: <Alert type="error" showIcon title={t('storage.away')} />}
		</div>
	);
}
