/* One device: the pictures its points choose (picture/rules.ts), then every value it has, by scan group. */
import { useMemo } from 'react';
import { MonitorOutlined, SettingOutlined } from '@ant-design/icons';
import { Alert, Button, Select } from 'antd';
import { Link, useNavigate, useParams } from 'react-router';
import { useAll, useLinks } from '../api/calls';
import type { Device, Group, Point } from '../api/contract';
import { useSubscription } from '../api/live';
import { useTitle } from '../app/hooks';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { Cards, CARDS_MAX } from '../picture/Cards';
import { Picture } from '../picture/Picture';
import { picturesFor } from '../picture/rules';
import { LinkNote } from './Plant';

export function PictureOf() {
	const { t } = useText();
	const { device: id } = useParams();
	const navigate = useNavigate();
	const devices = useAll<Device>('devices');
	const device = devices.data?.items.find((d) => d.id === id);
	useTitle(device ? device.name || device.code : t('menu.pictures'), t('product'));
	if (devices.error) return <Alert type="error" showIcon title={problemText(devices.error, t)} />;
	if (!devices.data) return <div className="loading" role="status" />;
	if (!device) return <Alert type="warning" showIcon title={t('error.not_found')} />;
	return (
		<>
			<div className="page-head">
				<h1><span className="sub"><Link to="/picture">{t('menu.pictures')}</Link> / </span>{device.name || device.code}</h1>
				<Select
					aria-label={t('picture.choose')} value={device.id} onChange={(x: string) => void navigate(`/picture/${x}`)} showSearch optionFilterProp="label" style={{ minWidth: 180 }}
					options={devices.data.items.map((d) => ({ value: d.id, label: d.name ? `${d.name} · ${d.code}` : d.code }))}
				/>
				<Link to={`/live/${device.id}`}><Button icon={<MonitorOutlined />}>{t('menu.live')}</Button></Link>
				<Link to={`/r/devices/${device.id}`}><Button icon={<SettingOutlined />}>{t('picture.settings')}</Button></Link>
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
	const pictures = useMemo(() => picturesFor(list), [list]);
	const shown = useMemo(() => list.slice(0, CARDS_MAX), [list]);
	useSubscription(useMemo(() => [...new Set([...shown.map((p) => p.id), ...pictures.flatMap((b) => [...b.points.values()].map((p) => p.id))])], [shown, pictures]), 2);
	const link = links.data?.find((l) => l.id === device.id);
	const fault = points.error ?? groups.error;
	if (fault) return <Alert type="error" showIcon title={problemText(fault, t)} />;
	if (!points.data || !groups.data) return <div className="loading" role="status" />;
	return (
		<>
			{link && <div className="picture-state"><span className="muted">{t('menu.status')}</span> <LinkNote link={link} /></div>}
			{!list.length && <div className="sheet empty"><h2>{t('plant.no_points')}</h2><p>{t('plant.no_points_text')}</p></div>}
			{pictures.map((b) => <Picture key={b.template.id + b.number} bound={b} />)}
			<Cards points={shown} groups={groups.data.items} />
			{list.length > shown.length && <p className="muted"><Link className="beside" to={`/live/${device.id}`}>{t('picture.more', { n: list.length - shown.length })}</Link></p>}
		</>
	);
}
