/* Rules of signing in, and whether system, security and audit administrators are different people. */
import { useMemo, useRef, useState } from 'react';
import { Alert, App, Button, Form, Modal, Select } from 'antd';
import { useQueryClient } from '@tanstack/react-query';
import { fetchSession, keys, useAll, useMay } from '../../api/calls';
import type { Rec } from '../../api/contract';
import { Problem } from '../../api/http';
import { changeRules, peopleKeys, separate, useRules, useRulesForm, useSeparated } from '../../api/people';
import { useTitle } from '../../app/hooks';
import { useText } from '../../app/lang';
import { problemText } from '../../app/problems';
import { RecordForm, type RecordFormHandle } from '../../form/RecordForm';
import { changes, toBody, toValues } from '../../form/values';
import { recordTitle } from '../../lib/records';

export function Security() {
	const { t } = useText();
	useTitle(t('security.title'), t('product'));
	return (
		<>
			<div className="page-head"><h1>{t('security.title')}</h1></div>
			<Separation />
			<Rules />
		</>
	);
}

function Rules() {
	const { t } = useText();
	const may = useMay();
	const { message } = App.useApp();
	const client = useQueryClient();
	const rules = useRules();
	const form = useRulesForm().data;
	const handle = useRef<RecordFormHandle>(null);
	const before = useMemo(() => (form && rules.data ? toValues(form, rules.data) : undefined), [form, rules.data]);
	if (rules.error) return <Alert type="error" showIcon title={problemText(rules.error, t)} />;
	if (!form || !before) return <div className="loading" role="status" />;
	const save = async (): Promise<void> => {
		const body = await handle.current?.read();
		if (!body) return;
		try {
			await changeRules(changes(toBody(form, before, false), body));
			await client.invalidateQueries({ queryKey: peopleKeys.rules });
			void message.success(t('security.saved'));
		} catch (e) {
			handle.current?.refuse(e);
		}
	};
	return (
		<form className="sheet sheet-pad gap-above" style={{ maxWidth: 1040 }} aria-label={t('security.rules')} onSubmit={(e) => { e.preventDefault(); void save(); }}>
			<h2 style={{ marginTop: 0, fontSize: 15 }}>{t('security.rules')}</h2>
			<RecordForm type={form} before={before} handle={handle} disabled={!may('role.write')} />
			{may('role.write') && <div className="form-foot"><Button type="primary" onClick={() => void save()}>{t('action.save')}</Button></div>}
		</form>
	);
}

function Separation() {
	const { t } = useText();
	const may = useMay();
	const on = useSeparated();
	const [open, setOpen] = useState(false);
	return (
		<section className="sheet sheet-pad" style={{ maxWidth: 1040 }} aria-label={t('security.separation')}>
			<h2 style={{ marginTop: 0, fontSize: 15 }}>{t('security.separation')}</h2>
			<p className="muted">{t(on ? 'security.is_on' : 'security.is_off')}</p>
			{may('user.write') && <Button onClick={() => setOpen(true)}>{t(on ? 'security.turn_off' : 'security.turn_on')}</Button>}
			{open && <Switch on={on} onClose={() => setOpen(false)} />}
		</section>
	);
}

function Switch({ on, onClose }: { on: boolean; onClose: () => void }) {
	const { t } = useText();
	const { message } = App.useApp();
	const client = useQueryClient();
	const [form] = Form.useForm<Record<string, string>>();
	const users = useAll<Rec>('users', { enabled: true });
	const [fault, setFault] = useState('');
	const fields = on ? ['administrator'] : ['system', 'security', 'audit'];
	const options = users.data?.items.map((u) => ({ value: String(u.name), label: recordTitle(u) }));
	const send = async (): Promise<void> => {
		setFault('');
		try {
			const names = await form.validateFields();
			await separate({ on: !on, ...names });
			client.setQueryData(keys.session, await fetchSession());
			onClose();
		} catch (e) {
			if (!(e instanceof Problem)) return;
			if (e.status === 202) {
				void message.info(t('approval.asked'));
				onClose();
			} else setFault(problemText(e, t));
		}
	};
	return (
		<Modal open title={t(on ? 'security.turn_off' : 'security.turn_on')} okText={t(on ? 'security.turn_off' : 'security.turn_on')} cancelText={t('action.cancel')} onCancel={onClose} onOk={() => void send()}>
			<p className="muted">{t(on ? 'security.off_text' : 'security.on_text')}</p>
			<Form form={form} layout="vertical" requiredMark={false}>
				{fields.map((f) => (
					<Form.Item key={f} name={f} label={t(`security.${f}`)} rules={[{ required: true, message: t('rule.required') }]}>
						<Select showSearch optionFilterProp="label" options={options} />
					</Form.Item>
				))}
			</Form>
			{fault && <Alert type="error" showIcon role="alert" title={fault} />}
		</Modal>
	);
}
