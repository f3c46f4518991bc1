/* Saved trends: open one, save what is shown, under its name or another. They belong to the tenant; an address opens them too. */
import { useState } from 'react';
import { DeleteOutlined, FolderOpenOutlined, LinkOutlined, SaveOutlined } from '@ant-design/icons';
import { Alert, App, Button, Dropdown, Form, Input, Modal } from 'antd';
import { createRecord, patchRecord, useAll, useMay, useRefresh } from '../api/calls';
import { Problem } from '../api/http';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { useRemove } from '../list/useRemove';
import { toRecord, type TrendRecord, type TrendState } from './state';
import { asksAny } from './useGroups';

interface Props {
	state: TrendState;
	colors: Record<string, string>;
	onOpen: (r: TrendRecord) => void;
	onSaved: (id: string | undefined) => void;
}

export function Saved({ state, colors, onOpen, onSaved }: Props) {
	const { t } = useText();
	const may = useMay();
	const { message } = App.useApp();
	const refresh = useRefresh();
	const remove = useRemove('trends', t('menu.trend'));
	const [open, setOpen] = useState(false);
	const all = useAll<TrendRecord>('trends', { sort: 'name' }, may('sample.read'));
	const items = all.data?.items ?? [];
	const current = items.find((r) => r.id === state.saved);
	const copy = async (): Promise<void> => {
		await navigator.clipboard?.writeText(location.href);
		void message.success(t('trend.link_copied'));
	};
	return (
		<>
			<Dropdown
				trigger={['click']}
				menu={{
					items: [
						...items.map((r) => ({ key: r.id, label: r.name, title: r.description })),
						...(items.length ? [{ type: 'divider' as const }] : []),
						{ key: 'copy', icon: <LinkOutlined />, label: t('trend.copy_link'), disabled: !navigator.clipboard },
						...(may('trend.write') && current ? [{ key: 'delete', icon: <DeleteOutlined />, danger: true, label: t('trend.delete_saved', { name: current.name }) }] : []),
					],
					selectedKeys: current ? [current.id] : [],
					onClick: ({ key }) => {
						if (key === 'copy') void copy();
						else if (key === 'delete' && current) remove(current, () => onSaved(undefined));
						else {
							const r = items.find((x) => x.id === key);
							if (r) onOpen(r);
						}
					},
				}}
			>
				<Button icon={<FolderOpenOutlined />}>{current?.name ?? t('trend.saved')}</Button>
			</Dropdown>
			{may('trend.write') && <Button icon={<SaveOutlined />} disabled={!asksAny(state)} onClick={() => setOpen(true)}>{t('action.save')}</Button>}
			{open && (
				<SaveDialog
					current={current} onClose={() => setOpen(false)}
					onSave={async (name, description) => {
						const body = { name, description, ...toRecord(state, colors) };
						const kept = current?.name === name ? await patchRecord('trends', current.id, body, `"${current.rev}"`) : await createRecord('trends', body);
						await refresh('trends');
						setOpen(false);
						void message.success(t('form.saved', { name }));
						onSaved(kept.id);
					}}
				/>
			)}
		</>
	);
}

function SaveDialog({ current, onClose, onSave }: { current?: TrendRecord; onClose: () => void; onSave: (name: string, description: string) => Promise<void> }) {
	const { t } = useText();
	const [form] = Form.useForm<{ name: string; description?: string }>();
	const [busy, setBusy] = useState(false);
	const [fault, setFault] = useState('');
	const isSame = Form.useWatch('name', form) === current?.name && current !== undefined;
	const submit = async (v: { name: string; description?: string }): Promise<void> => {
		setBusy(true);
		setFault('');
		try {
			await onSave(v.name.trim(), v.description?.trim() ?? '');
		} catch (e) {
			setFault(e instanceof Problem && e.errors[0] ? e.errors[0].detail : problemText(e, t));
			setBusy(false);
		}
	};
	return (
		<Modal open title={t('trend.save_title')} onCancel={onClose} onOk={() => form.submit()} okText={isSame ? t('trend.replace') : t('action.save')} cancelText={t('action.cancel')} confirmLoading={busy}>
			<Form form={form} layout="vertical" requiredMark={false} initialValues={{ name: current?.name, description: current?.description }} onFinish={(v) => void submit(v)}>
				<Form.Item name="name" label={t('field.name')} rules={[{ required: true, whitespace: true, message: t('rule.required') }]}><Input autoFocus maxLength={128} /></Form.Item>
				<Form.Item name="description" label={t('trend.description')}><Input.TextArea rows={2} maxLength={1000} /></Form.Item>
				<p className="muted small">{t('trend.save_help')}</p>
				{fault && <Alert type="error" showIcon title={fault} role="alert" />}
			</Form>
		</Modal>
	);
}
