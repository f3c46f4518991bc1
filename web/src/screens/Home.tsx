/* The start page: is everything being collected, is there room, is the clock right, is anything waiting. Every number leads to
 * its list; what is not known is called unknown. */
import { useMemo } from 'react';
import { ApiOutlined, ApartmentOutlined, UploadOutlined } from '@ant-design/icons';
import { Alert } from 'antd';
import { Link } from 'react-router';
import { useAll, useLinks, useList, useMay, useStatus, useValues } from '../api/calls';
import type { Device, LinkRow, Rec, Status, ValueList } from '../api/contract';
import { serverNow } from '../api/http';
import { useTick, useTitle } from '../app/hooks';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { ageOf, formatBytes, formatCount, formatDateTime, formatRecent, THIN } from '../lib/format';
import { healthOf, isTroubled } from '../lib/links';
import { QualityText } from '../lib/Quality';
import { LinkNote } from './Plant';

const SHOWN = 8;

export function Home() {
	const { t } = useText();
	const may = useMay();
	const status = useStatus(may('system.read'));
	const links = useLinks();
	const devices = useAll<Device>('devices', {}, may('link.read'));
	const bad = useValues({ state: 'bad', limit: SHOWN }, may('point.read'));
	useTitle(t('menu.overview'), t('product'));
	const s = status.data;
	const isNew = devices.data?.items.length === 0;
	return (
		<>
			<div className="page-head">
				<h1>{t('menu.overview')}</h1>
				{s && <span className="muted small">{t('product')} {s.version}{s.started && ` · ${t('overview.since', { when: formatDateTime(Date.parse(s.started)) })}`}</span>}
			</div>
			{status.error && <Alert type="error" showIcon title={problemText(status.error, t)} />}
			{isNew && may('link.write') && <FirstSteps />}
			<Figures s={s} links={links.data} values={bad.data} />
			{!isNew && (
				<div className="two-lists">
					{links.data && devices.data && <Disturbed links={links.data} devices={devices.data.items} />}
					{bad.data && <BadPoints values={bad.data} />}
				</div>
			)}
			{s && <Platform s={s} />}
		</>
	);
}

function FirstSteps() {
	const { t } = useText();
	const doors = [
		{ to: '/add', icon: <ApiOutlined />, title: t('overview.door_connect'), text: t('overview.door_connect_text') },
		{ to: '/r/places/new', icon: <ApartmentOutlined />, title: t('overview.door_places'), text: t('overview.door_places_text') },
		{ to: '/import', icon: <UploadOutlined />, title: t('overview.door_import'), text: t('overview.door_import_text') },
	];
	return (
		<section aria-label={t('overview.first')}>
			<h2>{t('overview.first')}</h2>
			<div className="driver-cards">
				{doors.map((d) => (
					<Link className="driver-card door-card" to={d.to} key={d.to}>
						<strong>{d.icon} {d.title}</strong>
						<span className="muted">{d.text}</span>
					</Link>
				))}
			</div>
		</section>
	);
}

function Share({ parts, label }: { parts: { n: number; cls: string }[]; label: string }) {
	const sum = parts.reduce((a, p) => a + p.n, 0);
	return (
		<div className="meter" role="img" aria-label={label}>
			{sum > 0 && parts.map((p) => <i key={p.cls} className={p.cls} style={{ width: `${(100 * p.n) / sum}%` }} />)}
		</div>
	);
}

interface FigureProps {
	title: string;
	/** Where the list behind the number is. */
	to: string;
	/** undefined: not known. */
	value: React.ReactNode;
	bar?: React.ReactNode;
	children?: React.ReactNode;
}
function Figure({ title, to, value, bar, children }: FigureProps) {
	const { t } = useText();
	const text = value === undefined ? <span className="unknown">{t('overview.unknown')}</span> : value;
	return (
		<div className="figure">
			<dt>{title}</dt>
			<dd>{to.startsWith('#') ? <a href={to}>{text}</a> : <Link to={to}>{text}</Link>}{bar}</dd>
			{children && <dd className="note">{children}</dd>}
		</div>
	);
}

const pace = (n: number): string => (n < 10 ? n.toFixed(1) : formatCount(n));

function Figures({ s, links, values }: { s: Status | undefined; links: LinkRow[] | undefined; values: ValueList | undefined }) {
	const { t } = useText();
	const may = useMay();
	const jobs = useList<Rec>('jobs', { state: 'running', limit: 1, count: true }, may('system.read'));
	const d = useMemo(() => (links ? healthOf(links).devices : undefined), [links]);
	const c = values?.counts;
	const read = c && c.points - c.disabled;
	const used = s?.disk?.total ? 1 - s.disk.free / s.disk.total : null;
	const up = s && ageOf(s.uptime_s * 1000);
	return (
		<dl className="figures figures-four">
			{may('link.read') && (
				<Figure
					title={t('overview.devices')} to="/collection" value={d && <>{formatCount(d.online)}<small>{THIN}/{THIN}{formatCount(d.total)}</small></>}
					bar={d && <Share label={t('overview.devices')} parts={[{ n: d.online, cls: 'ok' }, { n: d.offline, cls: 'bad' }, { n: d.disabled, cls: 'off' }]} />}
				>
					{d && (d.offline > 0 ? <span className="q q-bad">✕ {t('overview.offline', { n: d.offline })}</span> : <span>{d.total ? t('overview.all_online') : t('overview.none')}</span>)}
					{d && d.disabled > 0 && <span>{t('overview.disabled', { n: d.disabled })}</span>}
				</Figure>
			)}
			{may('point.read') && (
				<Figure
					title={t('overview.bad_points')} to="/abnormal" value={c && read !== undefined && <span className={c.bad ? 'q-bad' : ''}>{formatCount(c.bad)}<small>{THIN}/{THIN}{formatCount(read)}</small></span>}
					bar={c && <Share label={t('overview.bad_points')} parts={[{ n: c.good, cls: 'ok' }, { n: c.bad, cls: 'bad' }, { n: c.uncertain, cls: 'uncertain' }, { n: c.unknown, cls: 'off' }]} />}
				>
					{c && (c.bad || c.uncertain ? c.uncertain > 0 && <span className="q q-uncertain">{t('plant.uncertain', { n: formatCount(c.uncertain) })}</span> : <span>{c.points ? t('overview.none_bad') : t('overview.none')}</span>)}
					{c && c.unknown > 0 && <span>{t('overview.not_read', { n: formatCount(c.unknown) })}</span>}
					{c && c.disabled > 0 && <span>{t('overview.disabled', { n: formatCount(c.disabled) })}</span>}
				</Figure>
			)}
			{may('system.read') && (
				<>
					<Figure title={t('overview.samples')} to="/collection" value={s?.log?.samples_per_s === undefined ? undefined : <>{pace(s.log.samples_per_s)}<small>{THIN}{t('unit.values_per_s')}</small></>}>
						{s?.history && <span>{t('overview.history_samples', { n: formatCount(s.history.file_samples + s.history.head_samples) })}</span>}
					</Figure>
					<Figure title={t('overview.backlog')} to="#platform" value={s?.log?.backlog === undefined ? undefined : <>{formatCount(s.log.backlog)}<small>{THIN}{t('unit.batches')}</small></>}>
						{s?.log && (s.log.failing ? <span className="q q-bad">✕ {t('overview.log_failing')}</span> : <span>{t('overview.log_size', { size: formatBytes(s.log.disk_bytes) })}</span>)}
					</Figure>
					<Figure
						title={t('overview.disk')} to="#platform" value={s?.disk ? <span className={used! > 0.9 ? 'q-bad' : ''}>{formatBytes(s.disk.free)}</span> : undefined}
						bar={used !== null && <div className="meter" role="img" aria-label={t('overview.disk')}><i className={used > 0.9 ? 'full' : 'ok'} style={{ width: `${100 * used}%` }} /></div>}
					>
						{s?.disk && <span>{t('overview.disk_of', { total: formatBytes(s.disk.total) })}</span>}
						{s?.history && <span>{t('overview.history_size', { size: formatBytes(s.history.file_bytes) })}</span>}
					</Figure>
					<ClockFigure s={s} />
					<Figure title={t('overview.jobs')} to="/jobs" value={jobs.data?.count === undefined ? jobs.data && formatCount(jobs.data.items.length) : formatCount(jobs.data.count)} />
					<Figure title={t('overview.uptime')} to="#platform" value={up && t(`span.${up.unit}`, { n: up.n })}>{s && <span>{t('product')} {s.version}</span>}</Figure>
				</>
			)}
		</dl>
	);
}

/** Does the server's clock follow a reference, how far off may it be, and how far from the clock of the person who looks? */
function ClockFigure({ s }: { s: Status | undefined }) {
	const { t } = useText();
	useTick(1000);
	const c = s?.clock;
	const apart = Math.round((serverNow() - Date.now()) / 1000);
	const error = c && (c.error_us < 1000 ? `${c.error_us}${THIN}µs` : c.error_us < 1e6 ? `${(c.error_us / 1000).toFixed(1)}${THIN}ms` : `${(c.error_us / 1e6).toFixed(1)}${THIN}s`);
	return (
		<Figure title={t('overview.clock')} to="#platform" value={c ? <span className={c.synchronized ? 'figure-word' : 'figure-word q-uncertain'}>{t(c.synchronized ? 'overview.clock_ok' : 'overview.clock_free')}</span> : undefined}>
			{c?.synchronized && <span>{t('overview.clock_error', { error })}</span>}
			{s && <span className={Math.abs(apart) > 5 ? 'q q-uncertain' : ''}>{Math.abs(apart) < 2 ? t('overview.clock_same') : t('overview.clock_apart', { n: apart > 0 ? `+${apart}` : apart })}</span>}
		</Figure>
	);
}

/** What needs a person, or the sentence that nothing does. */
function Disturbed({ links, devices }: { links: LinkRow[]; devices: Device[] }) {
	const { t } = useText();
	const byId = new Map(links.map((l) => [l.id, l]));
	const rows = devices.flatMap((d) => {
		const l = byId.get(d.id);
		return l && (isTroubled(l) || l.state === 'partly' || l.state === 'suspect') ? [{ d, l }] : [];
	});
	return (
		<section className="sheet" aria-label={t('overview.disturbed')}>
			<div className="bar"><h2 className="grow">{t('overview.disturbed')}</h2><Link to="/collection">{t('menu.status')}</Link></div>
			{rows.length ? (
				<ul className="cards">
					{rows.slice(0, SHOWN).map(({ d, l }) => (
						<li className="card row-bad" key={d.id}>
							<Link className="name" to={`/live/${d.id}`}>{d.name || d.code}</Link>
							<span className="muted small nowrap">{l.since ? t('overview.since_short', { when: formatRecent(Date.parse(l.since)) }) : ''}</span>
							<LinkNote link={l} />
							<span className="muted small nowrap">{l.points !== undefined && t('plant.count', { n: l.points })}</span>
						</li>
					))}
				</ul>
			) : <div className="empty empty-small">{t('overview.all_well')}</div>}
		</section>
	);
}

function BadPoints({ values }: { values: ValueList }) {
	const { t } = useText();
	return (
		<section className="sheet" aria-label={t('overview.bad_points')}>
			<div className="bar"><h2 className="grow">{t('overview.bad_points')}</h2><Link to="/abnormal">{t('overview.all_n', { n: formatCount(values.count) })}</Link></div>
			{values.items.length ? (
				<ul className="cards">
					{values.items.map((v) => (
						<li className="card row-bad" key={v.point}>
							<Link className="name" to={`/trend?p=${v.point}`}>{v.name || v.code}</Link>
							<span className="muted small nowrap">{v.since ? t('overview.since_short', { when: formatRecent(v.since / 1000) }) : ''}</span>
							<QualityText q={v.q ?? 0x80000000} />
							<span className="muted small ellipsis">{v.path}</span>
						</li>
					))}
				</ul>
			) : <div className="empty empty-small">{t('overview.no_bad')}</div>}
		</section>
	);
}

/** The figures of the log, the history and the queues, for whoever wants to know more. */
function Platform({ s }: { s: Status }) {
	const { t } = useText();
	return (
		<details className="sheet sheet-pad" id="platform">
			<summary><h2>{t('overview.platform')}</h2></summary>
			<div className="import-rows">
				<table>
					<thead><tr><th>{t('overview.queue')}</th><th className="num">{t('overview.queue_len')}</th><th className="num">{t('overview.queue_bytes')}</th><th className="num">{t('overview.queue_dropped')}</th><th className="num">{t('overview.queue_refused')}</th></tr></thead>
					<tbody>{(s.queues ?? []).map((q) => (
						<tr key={q.name}>
							<td className="mono">{q.name}</td><td className="num">{formatCount(q.len)}{q.max ? ` / ${formatCount(q.max)}` : ''}</td><td className="num">{q.bytes ? formatBytes(q.bytes) : '–'}{q.max_bytes ? ` / ${formatBytes(q.max_bytes)}` : ''}</td>
							<td className={q.dropped ? 'num q-bad' : 'num'}>{formatCount(q.dropped)}</td><td className={q.refused ? 'num q-uncertain' : 'num'}>{formatCount(q.refused)}</td>
						</tr>
					))}</tbody>
				</table>
			</div>
			<dl className="facts">
				<dt>{t('overview.fact_log')}</dt><dd>{s.log ? t('overview.fact_log_text', { samples: formatCount(s.log.samples), size: formatBytes(s.log.disk_bytes) }) : t('overview.unknown')}</dd>
				<dt>{t('overview.history')}</dt><dd>{s.history ? t('overview.fact_history_text', { n: formatCount(s.history.file_samples), size: formatBytes(s.history.file_bytes), per: s.history.bytes_per_sample > 0 ? s.history.bytes_per_sample.toFixed(2) : '–' }) : t('overview.unknown')}</dd>
				<dt>{t('overview.clock')}</dt><dd>{s.clock ? t('overview.fact_clock_text', { offset: s.clock.offset_us, error: s.clock.error_us, max: s.clock.error_max_us }) : t('overview.unknown')}</dd>
			</dl>
		</details>
	);
}
