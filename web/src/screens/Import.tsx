import { useEffect, useState } from 'react';
import { Alert, App, Form } from 'antd';
import { Link, useNavigate, useSearchParams } from 'react-router';
import { useAll, useDrivers, useList, useType } from '../api/calls';
import type { Device, Group, Rec } from '../api/contract';
import { useTitle } from '../app/hooks';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { RefSelect } from '../form/RefSelect';
import { AddressHint } from './AddressHint';
import { Imports } from './Imports';
import { PointImport } from './PointImport';

export function Import() {
	const { t } = useText();
	const navigate = useNavigate();
	const { message } = App.useApp();
	const [search, setSearch] = useSearchParams();
	const { form, error } = useType('points');
	const device = search.get('device') ?? '';
	const [group, setGroup] = useState('');
	const devices = useAll<Device>('devices');
	const connections = useAll<Rec>('connections');
	const drivers = useDrivers();
	const groups = useList<Group>('groups', { device: device || undefined, limit: 1000 }, device !== '');
	useTitle(t('import.title'), t('product'));
	useEffect(() => setGroup(groups.data?.items.find((g) => g.device === device)?.id ?? ''), [device, groups.data]);

	const record = devices.data?.items.find((d) => d.id === device);
	const driver = drivers.data?.find((d) => d.name === connections.data?.items.find((c) => c.id === record?.connection)?.driver);
	if (error) return <Alert type="error" showIcon title={problemText(error, t)} />;
	if (!form || devices.isPending) return <div className="loading" role="status" />;
	return (
		<>
			<div className="page-head"><h1><span className="sub"><Link to="/r/points">{t('term.points')}</Link> / </span>{t('import.title')}</h1></div>
			<section className="sheet sheet-pad">
				<Form layout="vertical">
					<div className="form-grid" style={{ maxWidth: 760 }}>
						<Form.Item label={t('term.device')} htmlFor="import-device" extra={devices.data?.items.length ? undefined : <Link to="/add">{t('import.no_device')}</Link>}>
							<RefSelect id="import-device" noun="device" value={device} onChange={(v) => setSearch(v ? { device: v as string } : {}, { replace: true })} />
						</Form.Item>
						<Form.Item label={t('term.group')} htmlFor="import-group" extra={t('import.group_help')}>
							<RefSelect id="import-group" noun="group" value={group} onChange={(v) => setGroup((v as string) ?? '')} disabled={!device} within={{ device: device || undefined }} />
						</Form.Item>
					</div>
				</Form>
				{driver && <AddressHint driver={driver} />}
				<PointImport
					form={form} device={device} group={group || undefined} examples={driver?.address?.examples}
					onDone={(r) => {
						void message.success(t('import.did', { ...r }));
						void navigate(device ? `/live/${device}` : '/live');
					}}
				/>
			</section>
			<Imports />
		</>
	);
}
