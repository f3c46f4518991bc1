/* A new password of one's own: by the old one, or by the one-time link of who lost it. */
import { useState } from 'react';
import { Alert, Button, Form, Input } from 'antd';
import { Problem } from '../../api/http';
import { useText } from '../../app/lang';
import { problemText } from '../../app/problems';
import { besideField, pointerPath } from '../../form/problem';

interface Entry {
	old: string;
	password: string;
	again: string;
}

export function PasswordForm({ withOld, onSend, size }: { withOld: boolean; onSend: (old: string, password: string) => Promise<void>; size?: 'large' }) {
	const { t } = useText();
	const [form] = Form.useForm<Entry>();
	const [busy, setBusy] = useState(false);
	const [fault, setFault] = useState('');
	const required = { required: true, message: t('rule.required') };
	const submit = async (v: Entry): Promise<void> => {
		if (busy) return;
		setBusy(true);
		setFault('');
		try {
			await onSend(v.old ?? '', v.password);
			form.resetFields();
		} catch (e) {
			const placed = (e instanceof Problem ? e.errors : []).filter((x) => ['old', 'password'].includes(String(pointerPath(x.pointer)[0])));
			form.setFields(placed.map((x) => ({ name: pointerPath(x.pointer)[0] as keyof Entry, errors: [besideField(x, t)] })));
			if (!placed.length) setFault(problemText(e, t));
		} finally {
			setBusy(false);
		}
	};
	return (
		<Form form={form} layout="vertical" size={size} onFinish={submit} requiredMark={false} disabled={busy} style={{ maxWidth: 420 }}>
			{withOld && (
				<Form.Item name="old" label={t('account.old_password')} rules={[required]}>
					<Input.Password autoComplete="current-password" />
				</Form.Item>
			)}
			<Form.Item name="password" label={t('account.new_password')} extra={t('account.password_help')} rules={[required]}>
				<Input.Password autoComplete="new-password" />
			</Form.Item>
			<Form.Item
				name="again" label={t('start.again')} dependencies={['password']}
				rules={[required, ({ getFieldValue }) => ({
					validator: (_, v) => (!v || v === getFieldValue('password') ? Promise.resolve() : Promise.reject(new Error(t('start.differs')))),
				})]}
			>
				<Input.Password autoComplete="new-password" />
			</Form.Item>
			{fault && <Alert className="gap-below" type="error" showIcon title={fault} role="alert" />}
			<Button type="primary" htmlType="submit" loading={busy && { delay: 300 }}>{t('account.set_password')}</Button>
		</Form>
	);
}
