/*
 * One path from nothing to live values: driver → connection → device and scan group → points → there they are.
 * Each step is stored when it is left, so closing the browser loses at most one form; the address keeps the place.
 */
import { useEffect, useMemo, useRef, useState } from 'react';
import { CheckOutlined, DeleteOutlined, LineChartOutlined, PlusOutlined } from '@ant-design/icons';
import { Alert, App, Button, Input, Segmented, Select, Steps, Tabs } from 'antd';
import { Link, useNavigate, useSearchParams } from 'react-router';
import { createRecord, useAll, useDrivers, useLinks, useList, useRecord, useRefresh, useType } from '../api/calls';
import type { Driver, Group, Point, Rec } from '../api/contract';
import { Problem } from '../api/http';
import { useSubscription } from '../api/live';
import { useNarrow, useTitle } from '../app/hooks';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { docOf, labelOf, titleOf, type TypeForm } from '../form/description';
import { RecordForm, type RecordFormHandle } from '../form/RecordForm';
import { besideField, pointerPath } from '../form/problem';
import { AgeCell, LiveCell, QualityCell } from '../lib/Quality';
import { isTroubled } from '../lib/links';
import { recordTitle } from '../lib/records';
import { AddressHint } from './AddressHint';
import { LinkNote } from './Plant';
import { PointImport } from './PointImport';
import { SendIn } from './SendIn';
import { TestLink } from '../field/TestLink';
import type { Whom } from '../field/calls';

export function AddSource() {
	const { t } = useText();
	const [search, setSearch] = useSearchParams();
	const narrow = useNarrow();
	const drivers = useDrivers();
	const connections = useType('connections');
	const devices = useType('devices');
	const groups = useType('groups');
	const points = useType('points');
	useTitle(t('menu.add'), t('product'));

	const driverName = search.get('driver') ?? undefined;
	const connectionId = search.get('connection') ?? undefined;
	const deviceId = search.get('device') ?? undefined;
	const isDone = search.get('done') === '1';
	const connection = useRecord('connections', connectionId);
	const driver = drivers.data?.find((d) => d.name === (connection.data?.record.driver ?? driverName));
	const step = isDone && deviceId ? 4 : deviceId ? 3 : connectionId ? 2 : driverName ? 1 : 0;
	const go = (p: Record<string, string | undefined>): void =>
		setSearch(Object.fromEntries(Object.entries(p).filter((e): e is [string, string] => Boolean(e[1]))));

	const fault = drivers.error ?? connections.error ?? connection.error;
	if (fault) return <Alert type="error" showIcon title={problemText(fault, t)} />;
	if (!drivers.data || !connections.form || !devices.form || !groups.form || !points.form) return <div className="loading" role="status" />;
	return (
		<>
			<div className="page-head"><h1>{t('menu.add')}</h1></div>
			<Steps
				size="small" current={step} responsive={false} titlePlacement={narrow ? 'vertical' : 'horizontal'}
				items={[t('add.driver'), t('term.connection'), t('term.device'), t('term.points'), t('add.ready')].map((title) => ({ title }))}
			/>
			<section className="sheet sheet-pad" style={{ maxWidth: step >= 3 ? undefined : 1040 }}>
				{step === 0 && <ChooseDriver drivers={drivers.data} onChoose={(d) => go({ driver: d.name })} onUse={(c) => go({ driver: String(c.driver), connection: c.id })} />}
				{step === 1 && driver && <ConnectionStep driver={driver} form={connections.form} onBack={() => go({})} onDone={(c) => go({ driver: driver.name, connection: c.id })} />}
				{step === 2 && driver && connection.data && (
					<DeviceStep
						driver={driver} connection={connection.data.record} form={devices.form} groupForm={groups.form}
						onBack={() => go({ driver: driver.name })} onDone={(d) => go({ driver: driver.name, connection: connectionId, device: d.id })}
					/>
				)}
				{step === 3 && driver && deviceId && <PointStep driver={driver} device={deviceId} form={points.form} onDone={() => go({ driver: driver.name, connection: connectionId, device: deviceId, done: '1' })} />}
				{step === 4 && deviceId && <Ready device={deviceId} onMoreDevices={() => go({ driver: driver?.name, connection: connectionId })} onMorePoints={() => go({ driver: driver?.name, connection: connectionId, device: deviceId })} />}
				{step > 0 && step < 4 && !driver && <Alert type="warning" title={t('add.no_driver', { name: driverName ?? '' })} action={<Button size="small" onClick={() => go({})}>{t('action.back')}</Button>} />}
			</section>
		</>
	);
}

function ChooseDriver({ drivers, onChoose, onUse }: { drivers: Driver[]; onChoose: (d: Driver) => void; onUse: (c: Rec) => void }) {
	const { t, lang } = useText();
	const existing = useAll<Rec>('connections').data?.items ?? [];
	return (
		<>
			<h2>{t('add.choose_driver')}</h2>
			<div className="driver-cards">
				{drivers.map((d) => (
					<button type="button" className="driver-card" key={d.name} onClick={() => onChoose(d)}>
						<strong>{titleOf(d, lang)}</strong>
						<span className="muted">{docOf(d, lang)}</span>
					</button>
				))}
			</div>
			{existing.length > 0 && (
				<>
					<h2 style={{ marginTop: 18 }}>{t('add.or_existing')}</h2>
					<Select
						style={{ width: '100%', maxWidth: 420 }} showSearch optionFilterProp="label" placeholder={t('add.existing')} aria-label={t('add.existing')} value={null}
						options={existing.map((c) => ({ value: c.id, label: recordTitle(c) }))} onChange={(id) => { const c = existing.find((x) => x.id === id); if (c) onUse(c); }}
					/>
				</>
			)}
			<SendIn />
		</>
	);
}

/** A code nobody uses yet: "plc-1", "plc-2" … */
export function freeCode(stem: string, taken: string[]): string {
	let n = 1;
	while (taken.includes(`${stem}-${n}`)) n++;
	return `${stem}-${n}`;
}

interface Made {
	onBack: () => void;
	onDone: (r: Rec) => void;
}

function ConnectionStep({ driver, form, onBack, onDone }: { driver: Driver; form: TypeForm } & Made) {
	const { t, lang } = useText();
	const handle = useRef<RecordFormHandle>(null);
	const refresh = useRefresh();
	const [busy, setBusy] = useState(false);
	const all = useAll<Rec>('connections');
	const given = useMemo(() => ({ driver: driver.name, code: freeCode(driver.name, all.data?.items.map((c) => String(c.code)) ?? []) }), [driver, all.data]);
	if (all.isPending) return <div className="loading" />;
	const next = async (): Promise<void> => {
		const body = await handle.current?.read();
		if (!body) return;
		if (busy) return;
		setBusy(true);
		try {
			const made = await createRecord('connections', { ...body, driver: driver.name });
			await refresh('connections');
			onDone(made);
		} catch (e) {
			handle.current?.refuse(e);
			setBusy(false);
		}
	};
	return (
		<form onSubmit={(e) => { e.preventDefault(); void next(); }}>
			<p className="muted">{titleOf(driver, lang)} — {docOf(form, lang)}</p>
			<RecordForm type={form} given={given} hidden={['driver', 'enabled']} inner={(f) => (f.widget === 'driver_connection' ? driver.connection : undefined)} handle={handle} />
			<StepFoot busy={busy} onBack={onBack} whom={async () => { const body = await handle.current?.read(); return body ? { driver: driver.name, config: body.config } : null; }} />
			<p className="visually-hidden">{t('add.step_help')}</p>
		</form>
	);
}

function StepFoot({ busy, onBack, whom }: { busy: boolean; onBack: () => void; whom: () => Promise<Whom | null> }) {
	const { t } = useText();
	return (
		<div className="form-foot">
			<Button type="primary" htmlType="submit" loading={busy && { delay: 300 }}>{t('add.next')}</Button>
			<Button onClick={onBack}>{t('action.back')}</Button>
			<TestLink read={whom} />
		</div>
	);
}

function DeviceStep({ driver, connection, form, groupForm, onBack, onDone }: { driver: Driver; connection: Rec; form: TypeForm; groupForm: TypeForm } & Made) {
	const { t, lang } = useText();
	const device = useRef<RecordFormHandle>(null);
	const group = useRef<RecordFormHandle>(null);
	const refresh = useRefresh();
	const made = useRef<Rec | null>(null);
	const [busy, setBusy] = useState(false);
	const all = useAll<Rec>('devices');
	const given = useMemo(() => ({ connection: connection.id, code: freeCode('device', all.data?.items.map((c) => String(c.code)) ?? []) }), [connection.id, all.data]);
	const givenGroup = useMemo(() => ({ code: 'main' }), []);
	const next = async (): Promise<void> => {
		const a = await device.current?.read();
		const b = await group.current?.read();
		if (!a || !b) return;
		if (busy) return;
		setBusy(true);
		try {
			/* The group may be refused after the device was made: it is not made twice. */
			made.current ??= await createRecord('devices', { ...a, connection: connection.id });
		} catch (e) {
			device.current?.refuse(e);
			setBusy(false);
			return;
		}
		try {
			await createRecord('groups', { ...b, device: made.current.id });
			await refresh('groups');
			await refresh('devices');
			onDone(made.current);
		} catch (e) {
			group.current?.refuse(e);
			setBusy(false);
		}
	};
	if (all.isPending) return <div className="loading" />;
	return (
		<form onSubmit={(e) => { e.preventDefault(); void next(); }}>
			<p className="muted">{t('add.on', { connection: recordTitle(connection) })} — {docOf(form, lang)}</p>
			<RecordForm type={form} given={given} hidden={['connection', 'enabled']} inner={(f) => (f.widget === 'driver_device' ? driver.device : undefined)} handle={device} />
			<h2>{t('term.group')} <span className="muted small" style={{ fontWeight: 400 }}>{docOf(groupForm, lang)}</span></h2>
			<RecordForm type={groupForm} given={givenGroup} only={['code', 'name', 'period_ms']} handle={group} />
			<StepFoot busy={busy} onBack={onBack} whom={async () => { const body = await device.current?.read(); return body ? { connection: connection.id, device_config: body.config } : null; }} />
		</form>
	);
}

interface Draft {
	key: number;
	code: string;
	name: string;
	address: string;
	type: string;
	unit: string;
	errors: Record<string, string>;
	done?: boolean;
}

function PointStep({ driver, device, form, onDone }: { driver: Driver; device: string; form: TypeForm; onDone: () => void }) {
	const { t } = useText();
	const groups = useList<Group>('groups', { device, limit: 100 });
	const [group, setGroup] = useState('');
	useEffect(() => {
		if (!group && groups.data?.items[0]) setGroup(groups.data.items[0].id);
	}, [groups.data, group]);
	return (
		<>
			<div className="row gap-below">
				<h2 style={{ margin: 0 }}>{t('add.points')}</h2>
				{(groups.data?.items.length ?? 0) > 1 && <Segmented size="small" value={group} onChange={setGroup} options={groups.data!.items.map((g) => ({ value: g.id, label: recordTitle(g) }))} />}
			</div>
			<AddressHint driver={driver} />
			<Tabs
				items={[
					{ key: 'form', label: t('add.by_form'), children: <PointRows driver={driver} form={form} group={group} device={device} onDone={onDone} /> },
					{ key: 'csv', label: t('add.by_list'), children: <PointImport form={form} device={device} group={group} examples={driver.address?.examples} onDone={onDone} /> },
				]}
			/>
		</>
	);
}

let nextKey = 1;
const draft = (type: string): Draft => ({ key: nextKey++, code: '', name: '', address: '', type, unit: '', errors: {} });

/** A few points typed in: one line each, the type carried on from the line above. */
function PointRows({ driver, form, group, device, onDone }: { driver: Driver; form: TypeForm; group: string; device: string; onDone: () => void }) {
	const { t, lang } = useText();
	const { message } = App.useApp();
	const refresh = useRefresh();
	const typeField = form.fields.find((f) => f.name === 'type');
	const [rows, setRows] = useState<Draft[]>(() => [draft(typeField?.default ?? 'f32')]);
	const [busy, setBusy] = useState(false);
	const box = useRef<HTMLDivElement>(null);
	const existing = useList<Point>('points', { device, limit: 1, count: true });
	const put = (key: number, p: Partial<Draft>): void => setRows((r) => r.map((x) => (x.key === key ? { ...x, ...p, errors: { ...x.errors, ...Object.fromEntries(Object.keys(p).map((k) => [k, ''])) } } : x)));
	const add = (): void => {
		setRows((r) => [...r, draft(r[r.length - 1]?.type ?? 'f32')]);
		setTimeout(() => box.current?.querySelector<HTMLInputElement>('.point-row:last-of-type input')?.focus(), 30);
	};
	const filled = rows.filter((r) => !r.done && (r.code || r.address || r.name));
	const save = async (): Promise<void> => {
		if (busy) return;
		setBusy(true);
		let failed = 0;
		for (const r of filled) {
			try {
				await createRecord('points', { group, code: r.code.trim(), name: r.name.trim(), address: r.address.trim(), type: r.type, unit: r.unit.trim() });
				setRows((all) => all.map((x) => (x.key === r.key ? { ...x, done: true, errors: {} } : x)));
			} catch (e) {
				failed++;
				const errors: Record<string, string> = {};
				for (const x of e instanceof Problem ? e.errors : []) errors[String(pointerPath(x.pointer)[0] ?? 'code')] = besideField(x, t);
				if (!Object.keys(errors).length) errors.code = problemText(e, t);
				setRows((all) => all.map((x) => (x.key === r.key ? { ...x, errors } : x)));
			}
		}
		await refresh('points');
		setBusy(false);
		if (!failed) {
			void message.success(t('add.points_made', { n: filled.length }));
			onDone();
		}
	};
	const cell = (r: Draft, name: 'code' | 'name' | 'address' | 'unit', placeholder?: string): React.ReactNode => (
		<div className={`pr-${name}`}>
			<Input
				disabled={r.done} value={r[name]} status={r.errors[name] ? 'error' : undefined} aria-label={t(`field.${name}`)} placeholder={placeholder} spellCheck={false}
				onChange={(e) => put(r.key, { [name]: e.target.value })}
				onKeyDown={(e) => { if (e.key === 'Enter' && !e.ctrlKey) { e.preventDefault(); add(); } }}
			/>
			{r.errors[name] && <div className="wrong small" role="alert">{r.errors[name]}</div>}
		</div>
	);
	return (
		<form onSubmit={(e) => { e.preventDefault(); void save(); }}>
			<div ref={box} className="point-rows">
				<div className="point-row point-head" aria-hidden="true"><span>{t('field.code')}</span><span>{t('field.name')}</span><span>{t('field.address')}</span><span>{typeField && labelOf(typeField, lang)}</span><span>{t('field.unit')}</span><span /></div>
				{rows.map((r, i) => (
					<div className="point-row" key={r.key}>
						{cell(r, 'code', i === 0 ? 'TI-101' : undefined)}
						{cell(r, 'name')}
						{cell(r, 'address', driver.address?.examples?.[0])}
						<Select
							disabled={r.done} value={r.type} onChange={(v) => put(r.key, { type: v })} aria-label={typeField && labelOf(typeField, lang)} status={r.errors.type ? 'error' : undefined}
							options={typeField?.words?.map((w) => ({ value: w.word, label: labelOf(w, lang) }))}
						/>
						{cell(r, 'unit', i === 0 ? '°C' : undefined)}
						{r.done ? <CheckOutlined aria-label={t('add.stored')} /> : <Button type="text" icon={<DeleteOutlined />} aria-label={t('action.remove')} disabled={rows.length === 1} onClick={() => setRows((all) => all.filter((x) => x.key !== r.key))} />}
					</div>
				))}
			</div>
			<Button size="small" icon={<PlusOutlined />} onClick={add}>{t('action.add_row')}</Button>
			<span className="muted small" style={{ marginLeft: 10 }}>{t('add.enter_help')}</span>
			<div className="form-foot">
				<Button type="primary" htmlType="submit" loading={busy && { delay: 300 }} disabled={!filled.length || !group}>{t('add.store_points', { n: filled.length })}</Button>
				{(existing.data?.count ?? existing.data?.items.length ?? 0) > 0 && <Button onClick={onDone}>{t('add.skip')}</Button>}
			</div>
		</form>
	);
}

function Ready({ device, onMoreDevices, onMorePoints }: { device: string; onMoreDevices: () => void; onMorePoints: () => void }) {
	const { t } = useText();
	const navigate = useNavigate();
	const points = useList<Point>('points', { device, limit: 200 });
	const link = useLinks(1000).data?.find((l) => l.id === device);
	const isDown = isTroubled(link);
	const items = points.data?.items ?? [];
	useSubscription(items.map((p) => p.id), 2);
	return (
		<>
			<div className="row gap-below">
				<h2 style={{ margin: 0 }} className="grow">{t(isDown ? 'add.made_title' : 'add.ready_title', { n: items.length })}</h2>
				{link && <LinkNote link={link} />}
			</div>
			<div className="import-rows">
				<table>
					<thead><tr><th>{t('field.code')}</th><th>{t('field.name')}</th><th className="num">{t('field.value')}</th><th>{t('field.quality')}</th><th className="num">{t('field.age')}</th></tr></thead>
					<tbody>{items.map((p) => <tr key={p.id}><td>{p.code}</td><td>{p.name}</td><td className="num"><LiveCell point={p} /></td><td><QualityCell point={p} /></td><td className="num"><AgeCell point={p} /></td></tr>)}</tbody>
				</table>
			</div>
			<div className="form-foot">
				<Link to={`/live/${device}`}><Button type="primary">{t('menu.live')}</Button></Link>
				<Button icon={<LineChartOutlined />} disabled={!items.length} onClick={() => void navigate(`/trend?p=${items.slice(0, 4).map((p) => p.id).join(',')}`)}>{t('menu.trend')}</Button>
				<Button icon={<PlusOutlined />} onClick={onMorePoints}>{t('add.more_points')}</Button>
				<Button icon={<PlusOutlined />} onClick={onMoreDevices}>{t('add.more_devices')}</Button>
			</div>
		</>
	);
}
