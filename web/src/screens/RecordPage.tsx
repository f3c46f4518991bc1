/* One record of any noun: making it, changing it. Its revision is always sent; a conflict is settled field by field. */
import { useMemo, useRef, useState } from 'react';
import { CopyOutlined } from '@ant-design/icons';
import { Alert, App, Button, Modal } from 'antd';
import { useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearchParams } from 'react-router';
import { createRecord, keys, patchRecord, useDrivers, useMay, useRecord, useRefresh, useType } from '../api/calls';
import type { Driver, Point, Rec } from '../api/contract';
import { Problem } from '../api/http';
import { useTitle } from '../app/hooks';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { useInner } from '../form/inner';
import { Conflict } from '../form/Conflict';
import { RecordForm, type RecordFormHandle } from '../form/RecordForm';
import { inSentence, titleOf, type Inner, type TypeForm } from '../form/description';
import { changes, toBody, toValues, type Values } from '../form/values';
import { formatDateTime } from '../lib/format';
import { recordTitle } from '../lib/records';
import { useNames } from '../list/useNames';
import { useRemove } from '../list/useRemove';
import { SetValue, SetValueHost } from '../field/SetValue';
import { TestLink } from '../field/TestLink';
import { TryRead } from '../field/TryRead';
import type { Whom } from '../field/calls';
import { AddressHint } from './AddressHint';
import { Grants } from './people/Grants';
import { UserTools } from './people/UserTools';
import { NotFound } from './NotFound';

export function RecordPage() {
	const { plural = '', id = '' } = useParams();
	const { row, form, error } = useType(plural);
	const { t } = useText();
	const record = useRecord(plural, id === 'new' ? undefined : id);
	const { inner, pending } = useInner();
	const fault = error ?? record.error;
	if (fault instanceof Problem && fault.status === 404) return <NotFound />;
	if (fault) return <Alert type="error" showIcon title={problemText(fault, t)} />;
	if (!form || !row || (id !== 'new' && !record.data) || pending) return <div className="loading" role="status" />;
	return <Editor key={`${plural}/${id}/${record.data?.etag ?? ''}`} plural={plural} form={form} given={record.data} inner={inner} mayWrite={row.may_write !== false} />;
}

interface EditorProps {
	plural: string;
	form: TypeForm;
	given?: { record: Rec; etag: string | null };
	inner: Inner;
	mayWrite: boolean;
}

function Editor({ plural, form, given, inner, mayWrite }: EditorProps) {
	const { t, lang } = useText();
	const navigate = useNavigate();
	const may = useMay();
	const [search] = useSearchParams();
	const { message } = App.useApp();
	const client = useQueryClient();
	const refresh = useRefresh();
	const handle = useRef<RecordFormHandle>(null);
	const [busy, setBusy] = useState(false);
	const [conflict, setConflict] = useState<{ mine: Values; current: Rec } | null>(null);
	const [secret, setSecret] = useState<string | null>(null);
	const what = inSentence(titleOf(form, lang));
	const plainTitle = t(`menu.${plural}`, { defaultValue: titleOf(form, lang) });
	const remove = useRemove(plural, what);
	const record = given?.record;
	const before = useMemo(() => (record ? toValues(form, record) : undefined), [form, record]);
	const from = useMemo(() => Object.fromEntries([...search.entries()].filter(([k]) => form.fields.some((f) => f.name === k))), [search, form]);
	const [values, setValues] = useState<Values>(before ?? {});
	const driver = useDriverOf(plural === 'points' ? values : undefined);
	const [picked, setPicked] = useState<Values>();
	const device = useDeviceOf(plural === 'points' ? values : undefined);
	const address = String(values.address ?? '');
	const hint = useMemo(() => (driver ? {
		address: <><AddressHint driver={driver} plain />{may('link.write') && driver.caps?.includes('peek') && <TryRead device={device} address={address} onPick={setPicked} />}</>,
	} : undefined), [driver, may, device, address]);
	/* What stands in the form, saved or not. */
	const whom = async (): Promise<Whom | null> => {
		const body = await handle.current?.read();
		if (!body) return null;
		return plural === 'connections' ? { driver: String(body.driver ?? record?.driver), config: body.config, connection: record?.id }
			: { connection: String(body.connection ?? record?.connection), device: record?.id, device_config: body.config };
	};
	const heading = record ? recordTitle(record) : t('list.new', { what });
	useTitle(`${heading} · ${plainTitle}`, t('product'));

	const back = (): void => void navigate(search.get('back') ?? `/r/${plural}`);
	const done = async (saved: Rec): Promise<void> => {
		await refresh(plural);
		client.removeQueries({ queryKey: [...keys.noun(plural), 'one'] });
		void message.success(t('form.saved', { name: recordTitle(saved) }));
		back();
	};
	const refused = (e: unknown): void => {
		if (e instanceof Problem && e.status === 202) {
			void message.info(t('approval.asked'));
			back();
		} else handle.current?.refuse(e);
	};
	const send = async (patch: Values, etag: string | null): Promise<void> => {
		if (busy) return;
		setBusy(true);
		try {
			await done(await patchRecord(plural, record!.id, patch, etag));
		} catch (e) {
			if (e instanceof Problem && (e.status === 412 || e.status === 409) && e.body.current) setConflict({ mine: patch, current: e.body.current });
			else refused(e);
		} finally {
			setBusy(false);
		}
	};
	const save = async (): Promise<void> => {
		const body = await handle.current?.read();
		if (!body) return;
		if (record) {
			const patch = changes(toBody(form, before!, false, inner), body);
			if (!Object.keys(patch).length) return back();
			return send(patch, given!.etag);
		}
		if (busy) return;
		setBusy(true);
		try {
			const made = await createRecord(plural, body);
			if (typeof made.secret === 'string') {
				await refresh(plural);
				setSecret(made.secret);
			} else await done(made);
		} catch (e) {
			refused(e);
		} finally {
			setBusy(false);
		}
	};

	return (
		<>
			<div className="page-head">
				<h1><span className="sub"><Link to={`/r/${plural}`}>{plainTitle}</Link> / </span>{heading}</h1>
				{record && plural === 'points' && <SetValue point={record as unknown as Point} />}
				{record && plural === 'points' && may('sample.read') && <Button onClick={() => void navigate(`/trend?p=${record.id}`)}>{t('menu.trend')}</Button>}
				{record && plural === 'devices' && may('point.read') && <Button onClick={() => void navigate(`/picture/${record.id}`)}>{t('picture.open')}</Button>}
				{record && plural === 'devices' && <Button onClick={() => void navigate(`/live/${record.id}`)}>{t('menu.live')}</Button>}
			</div>
			<form
				className="sheet sheet-pad" style={{ maxWidth: 1040 }} aria-label={heading}
				onSubmit={(e) => { e.preventDefault(); void save(); }}
				onKeyDown={(e) => { if ((e.ctrlKey || e.metaKey) && e.key === 'Enter') void save(); }}
			>
				<RecordForm type={form} before={before} given={from} inner={inner} disabled={!mayWrite} handle={handle} within={withinDevice} extra={hint} onChange={setValues} fill={picked} />
				<div className="form-foot">
					{mayWrite && <Button type="primary" loading={busy && { delay: 300 }} onClick={() => void save()}>{t('action.save')}</Button>}
					<Button onClick={back}>{t(mayWrite ? 'action.cancel' : 'action.back')}</Button>
					{mayWrite && (plural === 'connections' || plural === 'devices') && <TestLink read={whom} />}
					<span className="grow" />
					{record?.updated && <span className="muted small revision">{t('form.updated', { when: formatDateTime(Date.parse(record.updated)), rev: record.rev })}</span>}
					{record && mayWrite && record.builtin !== true && <Button danger type="text" onClick={() => remove(record, back)}>{t('action.delete')}</Button>}
				</div>
			</form>
			<SetValueHost />
			{record && plural === 'users' && <><Grants field="user" id={record.id} />{may('user.write') && <UserTools id={record.id} />}</>}
			{record && plural === 'tokens' && <Grants field="token" id={record.id} />}
			{conflict && (
				<Conflict
					type={form} before={before!} mine={conflict.mine} current={conflict.current} onCancel={() => setConflict(null)}
					onSettle={(patch) => {
						const { current } = conflict;
						setConflict(null);
						if (patch) void send(patch, String(current.rev));
						else void refresh(plural).then(back);
					}}
				/>
			)}
			<Modal
				open={secret !== null} title={t('token.made')} closable={false} maskClosable={false} cancelButtonProps={{ style: { display: 'none' } }}
				okText={t('token.kept')} onOk={back}
			>
				<p>{t('token.once')}</p>
				<div className="secret">
					<code className="grow" data-testid="secret">{secret}</code>
					<Button size="small" icon={<CopyOutlined />} onClick={() => void navigator.clipboard?.writeText(secret ?? '').then(() => message.success(t('token.copied')))}>{t('action.copy')}</Button>
				</div>
			</Modal>
		</>
	);
}

/** The driver a point's address is written for: by scan group, device and connection. */
function useDriverOf(values: Values | undefined): Driver | undefined {
	const drivers = useDrivers();
	const groups = useNames('group', Boolean(values));
	const devices = useNames('device', Boolean(values));
	const connections = useNames('connection', Boolean(values));
	const device = devices.get(String(groups.get(String(values?.group))?.device ?? values?.device));
	const name = connections.get(String(device?.connection))?.driver;
	return values ? drivers.data?.find((d) => d.name === name) : undefined;
}

/** The device a point will be read from: what is chosen, or that of its scan group. */
function useDeviceOf(values: Values | undefined): string | undefined {
	const groups = useNames('group', Boolean(values));
	return values ? String(groups.get(String(values.group))?.device ?? values.device ?? '') || undefined : undefined;
}

/** A scan group belongs to a device: only those of the chosen device are offered. */
export function withinDevice(f: { name: string }, values: Values): Record<string, string | undefined> | undefined {
	return f.name === 'group' && typeof values.device === 'string' && values.device ? { device: values.device } : undefined;
}
