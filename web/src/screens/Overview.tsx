/* The start page: is everything being collected, is there room, is anything waiting. */
import { useEffect, useMemo, useRef, useState } from 'react';
import { ApiOutlined, ApartmentOutlined, LineChartOutlined, MonitorOutlined, UploadOutlined } from '@ant-design/icons';
import { Alert, Button } from 'antd';
import { Link } from 'react-router';
import { useAll, useLinks, useMay, useStatus } from '../api/calls';
import type { Device, LinkRow, Status } from '../api/contract';
import { useTitle } from '../app/hooks';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { ageOf, formatBytes, formatCount, formatDateTime, formatRecent, THIN } from '../lib/format';
import { healthOf, isTroubled } from '../lib/links';
import { LinkNote } from './Plant';

export function Overview() {
	const { t } = useText();
	const may = useMay();
	const status = useStatus();
	const links = useLinks();
	const devices = useAll<Device>('devices', {}, may('link.read'));
	useTitle(t('menu.overview'), t('product'));
	const s = status.data;
	const isNew = devices.data?.items.length === 0;
	return (
		<>
			<div className="page-head">
				<h1>{t('menu.overview')}</h1>
				{s?.started && <span className="muted small">{t('overview.since', { when: formatDateTime(Date.parse(s.started)) })}</span>}
			</div>
			{status.error && <Alert type="error" showIcon title={problemText(status.error, t)} />}
			{isNew && may('link.write') && <FirstSteps />}
			{s && <Figures s={s} at={status.dataUpdatedAt} links={links.data} />}
			{!isNew && links.data && devices.data && <Disturbed links={links.data} devices={devices.data.items} />}
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

/** Samples a second, between two answers of the server. */
function useRate(samples: number | undefined, at: number): number | null {
	const last = useRef<{ samples: number; at: number } | null>(null);
	const [rate, setRate] = useState<number | null>(null);
	useEffect(() => {
		if (samples === undefined || !at) return;
		if (last.current && at > last.current.at && samples >= last.current.samples) setRate(((samples - last.current.samples) * 1000) / (at - last.current.at));
		last.current = { samples, at };
	}, [samples, at]);
	return rate;
}

function Figures({ s, at, links }: { s: Status; at: number; links: LinkRow[] | undefined }) {
	const { t } = useText();
	const health = useMemo(() => healthOf(links ?? []), [links]);
	const rate = useRate(s.log?.samples, at);
	const { devices: d, points: p } = health;
	const up = ageOf(s.uptime_s * 1000);
	const used = s.disk?.total ? 1 - s.disk.free / s.disk.total : null;
	return (
		<dl className="figures">
			<div className="figure">
				<dt>{t('overview.devices')}</dt>
				<dd>{formatCount(d.online)}<small>{THIN}/{THIN}{formatCount(d.total)}</small></dd>
				<Share label={t('overview.devices')} parts={[{ n: d.online, cls: 'ok' }, { n: d.offline, cls: 'bad' }, { n: d.disabled, cls: 'off' }]} />
				<div className="note">
					{d.offline > 0 ? <span className="q q-bad">✕ {t('overview.offline', { n: d.offline })}</span> : <span>{d.total ? t('overview.all_online') : t('overview.none')}</span>}
					{d.disabled > 0 && <span>{t('overview.disabled', { n: d.disabled })}</span>}
				</div>
			</div>
			<div className="figure">
				<dt>{t('overview.points')}</dt>
				<dd>{formatCount(p.good)}<small>{THIN}/{THIN}{formatCount(p.total)}</small></dd>
				<Share label={t('overview.points')} parts={[{ n: p.good, cls: 'ok' }, { n: p.bad, cls: 'bad' }]} />
				<div className="note">
					{p.bad > 0 ? <span className="q q-bad">✕ {t('plant.bad', { n: formatCount(p.bad) })}</span> : <span>{p.total ? t('overview.none_bad') : t('overview.none')}</span>}
					{(s.counts?.points ?? 0) > p.total && <span>{t('overview.not_read', { n: formatCount(s.counts!.points! - p.total) })}</span>}
				</div>
			</div>
			<div className="figure">
				<dt>{t('overview.samples')}</dt>
				<dd>{rate === null ? '–' : rate < 10 ? rate.toFixed(1) : formatCount(rate)}<small>{THIN}{t('unit.per_s')}</small></dd>
				<div className="note"><span>{t('overview.up', { age: t(`span.${up.unit}`, { n: up.n }) })}</span></div>
			</div>
			{s.log && (
				<div className="figure">
					<dt>{t('overview.backlog')}</dt>
					<dd>{formatCount(Math.max(0, s.log.appended - s.log.durable))}<small>{THIN}{t('unit.batches')}</small></dd>
					<div className="note">
						{s.log.failing ? <span className="q q-bad">✕ {t('overview.log_failing')}</span> : <span>{t('overview.log_size', { size: formatBytes(s.log.disk_bytes) })}</span>}
					</div>
				</div>
			)}
			{s.history && (
				<div className="figure">
					<dt>{t('overview.history')}</dt>
					<dd>{formatBytes(s.history.file_bytes)}</dd>
					{used !== null && <div className="meter" role="img" aria-label={t('overview.disk')}><i className={used > 0.9 ? 'full' : 'ok'} style={{ width: `${100 * used}%` }} /></div>}
					<div className="note">
						{used !== null && <span className={used > 0.9 ? 'q q-bad' : ''}>{t('overview.disk_free', { free: formatBytes(s.disk!.free) })}</span>}
						<span>{t('overview.history_samples', { n: formatCount(s.history.file_samples + s.history.head_samples) })}</span>
						{s.history.bytes_per_sample > 0 && <span>{t('overview.per_sample', { n: s.history.bytes_per_sample.toFixed(2) })}</span>}
					</div>
				</div>
			)}
		</dl>
	);
}

/** What needs a person, or the sentence that nothing does. */
function Disturbed({ links, devices }: { links: LinkRow[]; devices: Device[] }) {
	const { t } = useText();
	const may = useMay();
	const byId = new Map(links.map((l) => [l.id, l]));
	const rows = devices.flatMap((d) => {
		const l = byId.get(d.id);
		return l && (isTroubled(l) || l.state === 'partly' || l.state === 'suspect') ? [{ d, l }] : [];
	});
	return (
		<section className="sheet" aria-label={t('overview.disturbed')}>
			<div className="bar">
				<h2 style={{ margin: 0 }} className="grow">{t('overview.disturbed')}</h2>
				{may('point.read') && <Link to="/live"><Button size="small" icon={<MonitorOutlined />}>{t('menu.live')}</Button></Link>}
				{may('sample.read') && <Link to="/trend"><Button size="small" icon={<LineChartOutlined />}>{t('menu.trend')}</Button></Link>}
			</div>
			{rows.length ? (
				<ul className="cards">
					{rows.slice(0, 20).map(({ d, l }) => (
						<li className="card row-bad" key={d.id}>
							<Link className="name" to={`/live/${d.id}`}>{d.name || d.code}</Link>
							<span className="muted small nowrap">{l.since ? t('overview.since_short', { when: formatRecent(Date.parse(l.since)) }) : ''}</span>
							<LinkNote link={l} />
							<span className="muted small nowrap">{l.points !== undefined && t('plant.count', { n: l.points })}</span>
						</li>
					))}
				</ul>
			) : <div className="empty" style={{ padding: 24 }}>{t('overview.all_well')}</div>}
		</section>
	);
}
