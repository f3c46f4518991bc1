/* The start page: is everything being collected, is there room, is anything waiting. */
import { ApiOutlined, ApartmentOutlined, LineChartOutlined, MonitorOutlined, UploadOutlined } from '@ant-design/icons';
import { Alert, Button } from 'antd';
import { Link } from 'react-router';
import { useAll, useLinks, useMay, useStatus } from '../api/calls';
import type { Device, LinkRow, Status } from '../api/contract';
import { useTitle } from '../app/hooks';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { ageOf, formatBytes, formatCount, formatDateTime, formatRecent, THIN } from '../lib/format';
import { linkClass } from '../lib/links';
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
			{s && <Figures s={s} />}
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

function Figures({ s }: { s: Status }) {
	const { t } = useText();
	const { devices: d, points: p, disk } = s;
	const offline = d.total - d.online - d.disabled;
	const full = disk && disk.total ? disk.used / disk.total : 0;
	const up = ageOf(Date.parse(s.now) - Date.parse(s.started));
	return (
		<dl className="figures">
			<div className="figure">
				<dt>{t('overview.devices')}</dt>
				<dd>{formatCount(d.online)}<small>{THIN}/{THIN}{formatCount(d.total)}</small></dd>
				<Share label={t('overview.devices')} parts={[{ n: d.online, cls: 'ok' }, { n: offline, cls: 'bad' }, { n: d.disabled, cls: 'off' }]} />
				<div className="note">
					{offline > 0 ? <span className="q q-bad">✕ {t('overview.offline', { n: offline })}</span> : <span>{d.total ? t('overview.all_online') : t('overview.none')}</span>}
					{d.disabled > 0 && <span>{t('overview.disabled', { n: d.disabled })}</span>}
				</div>
			</div>
			<div className="figure">
				<dt>{t('overview.points')}</dt>
				<dd>{formatCount(p.good)}<small>{THIN}/{THIN}{formatCount(p.total)}</small></dd>
				<Share label={t('overview.points')} parts={[{ n: p.good, cls: 'ok' }, { n: p.uncertain, cls: 'uncertain' }, { n: p.bad, cls: 'bad' }]} />
				<div className="note">
					{p.bad > 0 && <span className="q q-bad">✕ {t('plant.bad', { n: formatCount(p.bad) })}</span>}
					{p.uncertain > 0 && <span className="q q-uncertain">△ {t('plant.uncertain', { n: formatCount(p.uncertain) })}</span>}
					{p.bad + p.uncertain === 0 && <span>{p.total ? t('overview.all_good') : t('overview.none')}</span>}
				</div>
			</div>
			<div className="figure">
				<dt>{t('overview.samples')}</dt>
				<dd>{formatCount(s.samples_per_s)}<small>{THIN}{t('unit.per_s')}</small></dd>
				<div className="note"><span>{t('overview.up', { age: t(`span.${up.unit}`, { n: up.n }) })}</span></div>
			</div>
			{s.log && (
				<div className="figure">
					<dt>{t('overview.backlog')}</dt>
					<dd>{formatCount(s.log.backlog)}<small>{THIN}{t('unit.samples')}</small></dd>
					<div className="note"><span>{t('overview.log_size', { size: formatBytes(s.log.bytes) })}</span></div>
				</div>
			)}
			{disk && disk.total > 0 && (
				<div className="figure">
					<dt>{t('overview.disk')}</dt>
					<dd>{formatBytes(disk.total - disk.used)}<small> {t('overview.free')}</small></dd>
					<div className="meter" role="img" aria-label={t('overview.disk')}><i className={full > 0.9 ? 'full' : 'ok'} style={{ width: `${100 * full}%` }} /></div>
					<div className="note">
						<span className={full > 0.9 ? 'q q-bad' : ''}>{t('overview.disk_used', { percent: Math.round(100 * full), total: formatBytes(disk.total) })}</span>
						{disk.data > 0 && <span>{t('overview.history_size', { size: formatBytes(disk.data) })}</span>}
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
		return l && ['bad', 'wait'].includes(linkClass(l.state)) && l.state !== 'late' ? [{ d, l }] : [];
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
