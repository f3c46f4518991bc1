/* Pictures of devices: one is chosen by its points' codes; a device without one is shown as cards of its points. */
import { useEffect, useMemo } from 'react';
import { LineChartOutlined, MonitorOutlined } from '@ant-design/icons';
import { Alert, Button, Select } from 'antd';
import { Link, useNavigate, useParams } from 'react-router';
import { useAll, useLinks } from '../api/calls';
import type { Device, Group, Point } from '../api/contract';
import { useSubscription } from '../api/live';
import { useTitle } from '../app/hooks';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { Cards } from '../picture/Cards';
import { Symbol } from '../picture/Symbols';
import { templateFor, type Template } from '../picture/template';
import { LinkNote } from './Plant';

export function Pictures() {
	const { t } = useText();
	const { device: id } = useParams();
	const navigate = useNavigate();
	const devices = useAll<Device>('devices');
	const first = devices.data?.items[0]?.id;
	useEffect(() => {
		if (!id && first) void navigate(`/picture/${first}`, { replace: true });
	}, [id, first, navigate]);
	const device = devices.data?.items.find((d) => d.id === id);
	useTitle(device ? device.name || device.code : t('menu.pictures'), t('product'));
	if (devices.error) return <Alert type="error" showIcon title={problemText(devices.error, t)} />;
	if (!devices.data) return <div className="loading" role="status" />;
	if (!first) return <><h1>{t('menu.pictures')}</h1><div className="sheet empty"><h2>{t('plant.no_devices')}</h2><p>{t('plant.no_devices_text')}</p><Link to="/add"><Button type="primary">{t('menu.add')}</Button></Link></div></>;
	if (!device) return id ? <Alert type="warning" showIcon title={t('error.not_found')} /> : null;
	return (
		<>
			<div className="page-head">
				<h1>{device.name || device.code}</h1>
				<Select
					aria-label={t('picture.choose')} value={device.id} onChange={(x: string) => void navigate(`/picture/${x}`)} showSearch optionFilterProp="label" style={{ minWidth: 180 }}
					options={devices.data.items.map((d) => ({ value: d.id, label: d.name ? `${d.name} · ${d.code}` : d.code }))}
				/>
				<Link to={`/live/${device.id}`}><Button icon={<MonitorOutlined />}>{t('menu.live')}</Button></Link>
			</div>
			<OfDevice key={device.id} device={device} />
		</>
	);
}

function OfDevice({ device }: { device: Device }) {
	const { t } = useText();
	const links = useLinks();
	const points = useAll<Point>('points', { device: device.id });
	const groups = useAll<Group>('groups', { device: device.id });
	const list = useMemo(() => points.data?.items ?? [], [points.data]);
	const template = useMemo(() => templateFor(list), [list]);
	useSubscription(useMemo(() => list.map((p) => p.id), [list]), 2);
	const link = links.data?.find((l) => l.id === device.id);
	const fault = points.error ?? groups.error;
	if (fault) return <Alert type="error" showIcon title={problemText(fault, t)} />;
	if (!points.data || !groups.data) return <div className="loading" role="status" />;
	return (
		<>
			{link && <div className="picture-state"><LinkNote link={link} /></div>}
			{!list.length && <div className="sheet empty"><h2>{t('plant.no_points')}</h2><p>{t('plant.no_points_text')}</p></div>}
			{template && <Picture template={template} points={list} />}
			<Cards points={list} groups={groups.data.items} />
		</>
	);
}

function Picture({ template, points }: { template: Template; points: Point[] }) {
	const { t, lang } = useText();
	const navigate = useNavigate();
	const byCode = useMemo(() => new Map(points.map((p) => [p.code, p])), [points]);
	const open = useMemo(() => (id: string) => void navigate(`/trend?p=${id}`), [navigate]);
	const title = lang === 'zh' ? template.title_zh : template.title;
	return (
		<section className="sheet picture" aria-label={t('picture.of', { name: title })}>
			<div className="picture-scroll" tabIndex={0} role="group" aria-label={t('picture.of', { name: title })}>
				<svg viewBox={`0 ${template.top} ${template.width} ${template.height - template.top}`}>{template.parts.map((p, i) => <Symbol key={i} part={p} points={byCode} onOpen={open} />)}</svg>
			</div>
			<p className="muted small picture-note"><LineChartOutlined /> {t('picture.hint')}</p>
		</section>
	);
}
