/* One connection: its state in words and since when, its figures, and what hangs below it. The parts come from slots.tsx. */
import { Suspense, useMemo } from 'react';
import { Alert, Button, Tabs } from 'antd';
import { ArrowLeftOutlined } from '@ant-design/icons';
import { Link, useParams, useSearchParams } from 'react-router';
import { useAll, useDrivers, useLinks, useMay, useRecord } from '../../api/calls';
import type { Device, Group, LinkRow } from '../../api/contract';
import { serverNow } from '../../api/http';
import { useTick, useTitle } from '../../app/hooks';
import { useText } from '../../app/lang';
import { problemText } from '../../app/problems';
import { ageOf, formatBytes, formatCount, formatDateTime, THIN } from '../../lib/format';
import { healthOf } from '../../lib/links';
import { recordTitle } from '../../lib/records';
import { LinkNote } from '../Plant';
import { Points, Rate } from './figures';
import { ACTIONS, PANELS, type SlotProps } from './slots';

export function ConnectionPage() {
	const { t, lang } = useText();
	const may = useMay();
	const { id } = useParams();
	const [search, setSearch] = useSearchParams();
	const record = useRecord('connections', id);
	const drivers = useDrivers();
	const devices = useAll<Device>('devices', { connection: id });
	const ids = devices.data?.items.map((d) => d.id) ?? [];
	const groups = useAll<Group>('groups', { 'device.in': ids.join(',') }, ids.length > 0);
	const links = useLinks(1000);
	const byId = useMemo(() => new Map(links.data?.map((l) => [l.id, l])), [links.data]);
	const connection = record.data?.record;
	useTitle(connection ? recordTitle(connection) : t('term.connection'), t('product'));

	const fault = record.error ?? devices.error ?? links.error;
	if (fault) return <Alert type="error" showIcon title={problemText(fault, t)} />;
	if (!connection || !devices.data) return <div className="loading" role="status" />;
	const driver = drivers.data?.find((d) => d.name === connection.driver);
	const props: SlotProps = { connection, devices: devices.data.items, groups: groups.data?.items ?? [], links: byId };
	const panels = PANELS.filter((p) => (!p.permission || may(p.permission)) && (!p.drivers || p.drivers.includes(String(connection.driver))));
	const open = panels.find((p) => p.key === search.get('tab'))?.key ?? panels[0]!.key;
	return (
		<>
			<div className="page-head">
				<Link to="/collection"><Button type="text" icon={<ArrowLeftOutlined />} aria-label={t('menu.status')} /></Link>
				<h1>{recordTitle(connection)} <span className="sub">{t('term.connection')} · {(lang === 'zh' && driver?.title_zh) || driver?.title || String(connection.driver)}</span></h1>
				<Suspense>{ACTIONS.filter((a) => !a.permission || may(a.permission)).map((a) => <a.Body key={a.key} {...props} />)}</Suspense>
			</div>
			<Figures link={byId.get(connection.id)} below={props.devices.flatMap((d) => byId.get(d.id) ?? [])} />
			<section className="sheet">
				<Tabs
					className="panel-tabs" activeKey={open} onChange={(tab) => setSearch((s) => { s.set('tab', tab); return s; }, { replace: true })}
					items={panels.map((p) => ({ key: p.key, label: p.title(t), children: <Suspense fallback={<div className="loading" role="status" />}><p.Body {...props} /></Suspense> }))}
				/>
			</section>
		</>
	);
}

function Figures({ link, below }: { link: LinkRow | undefined; below: LinkRow[] }) {
	const { t } = useText();
	useTick(1000);
	if (!link) return <Alert type="info" showIcon title={t('connection.no_state')} />;
	const since = link.since ? Date.parse(link.since) : null;
	const age = since === null ? null : ageOf(serverNow() - since);
	const health = healthOf(below).devices;
	const next = link.next_try ? Math.max(0, Math.ceil((Date.parse(link.next_try) - serverNow()) / 1000)) : null;
	return (
		<dl className="figures">
			<div className="figure figure-wide">
				<dt>{t('field.state')}</dt>
				<dd className="figure-words"><LinkNote link={link} /></dd>
				<dd className="note">
					{since !== null && age && <span title={formatDateTime(since)}>{t('connection.since', { when: formatDateTime(since), age: t(`span.${age.unit}`, { n: age.n }) })}</span>}
					{next !== null && <span>{t('connection.next_try', { n: next })}</span>}
				</dd>
			</div>
			<div className="figure">
				<dt>{t('overview.devices')}</dt>
				<dd>{formatCount(health.online)}<small>{THIN}/{THIN}{formatCount(health.total)}</small></dd>
				<dd className="note">{health.offline > 0 && <span className="q q-bad">✕ {t('overview.offline', { n: health.offline })}</span>}{health.disabled > 0 && <span>{t('overview.disabled', { n: health.disabled })}</span>}</dd>
			</div>
			<div className="figure">
				<dt>{t('field.points')}</dt>
				<dd><Points link={link} /></dd>
			</div>
			<div className="figure">
				<dt>{t('connection.rate')}</dt>
				<dd className="figure-rate"><Rate reached={link.values_reached} asked={link.values_asked} /></dd>
			</div>
			<div className="figure">
				<dt>{t('field.requests')}</dt>
				<dd>{link.requests === undefined ? '–' : formatCount(link.requests)}</dd>
				<dd className="note">
					{link.bytes_in !== undefined && <span>{t('connection.bytes', { in: formatBytes(link.bytes_in), out: formatBytes(link.bytes_out ?? 0) })}</span>}
					{link.connects !== undefined && <span>{t('connection.connects', { n: formatCount(link.connects) })}</span>}
				</dd>
			</div>
		</dl>
	);
}
