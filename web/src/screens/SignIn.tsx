import { useState } from 'react';
import { useQueryClient } from '@tanstack/react-query';
import { Alert, Button, Form, Input } from 'antd';
import { keys, signIn } from '../api/calls';
import { Logo } from '../app/Logo';
import { LanguageSwitch } from '../app/LanguageSwitch';
import { useTitle } from '../app/hooks';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';

export function SignIn({ needsSetup }: { needsSetup: boolean }) {
	const { t } = useText();
	const client = useQueryClient();
	const [busy, setBusy] = useState(false);
	const [fault, setFault] = useState('');
	useTitle(t('signin.title'), t('product'));

	const submit = async (v: { name: string; password: string }): Promise<void> => {
		if (busy) return;
		setBusy(true);
		setFault('');
		try {
			client.setQueryData(keys.session, await signIn(v.name, v.password));
		} catch (e) {
			setFault(problemText(e, t));
			setBusy(false);
		}
	};
	return (
		<main className="door">
			<div className="door-box">
				<header className="door-head">
					<Logo size={30} />
					<LanguageSwitch />
				</header>
				<h1>{t('signin.title')}</h1>
				{needsSetup ? (
					<Alert type="info" showIcon title={t('signin.needs_setup')} description={t('signin.needs_setup_how')} />
				) : (
					<Form layout="vertical" size="large" onFinish={submit} requiredMark={false} disabled={busy}>
						<Form.Item name="name" label={t('signin.name')} rules={[{ required: true, message: t('rule.required') }]}>
							<Input autoFocus autoComplete="username" autoCapitalize="none" spellCheck={false} />
						</Form.Item>
						<Form.Item name="password" label={t('signin.password')} rules={[{ required: true, message: t('rule.required') }]}>
							<Input.Password autoComplete="current-password" />
						</Form.Item>
						{fault && <Alert className="gap-below" type="error" showIcon title={fault} role="alert" />}
						<Button type="primary" htmlType="submit" block loading={busy && { delay: 300 }}>{t('signin.submit')}</Button>
					</Form>
				)}
			</div>
			<p className="door-foot">{t('signin.foot')}</p>
		</main>
	);
}
