/* The first start: the one-time link printed by the server makes the first administrator. */
import { useEffect, useState } from 'react';
import { useQueryClient } from '@tanstack/react-query';
import { Alert, Button, Form, Input } from 'antd';
import { useNavigate } from 'react-router';
import { fetchSession, keys, setUp } from '../api/calls';
import { Problem, get } from '../api/http';
import { LanguageSwitch } from '../app/LanguageSwitch';
import { Logo } from '../app/Logo';
import { useTitle } from '../app/hooks';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { besideField, pointerPath } from '../form/problem';

interface Entry {
	token: string;
	name: string;
	full_name?: string;
	password: string;
	again: string;
}

export function Start() {
	const { t, lang } = useText();
	const client = useQueryClient();
	const navigate = useNavigate();
	const [form] = Form.useForm<Entry>();
	const [needed, setNeeded] = useState<boolean | null>(null);
	const [busy, setBusy] = useState(false);
	const [fault, setFault] = useState('');
	const token = decodeURIComponent(location.hash.slice(1));
	useTitle(t('start.title'), t('product'));
	useEffect(() => {
		get<{ needed: boolean }>('/setup').then((a) => setNeeded(a.needed), (e) => setFault(problemText(e, t)));
		// once: the answer does not change while this page is open
		// eslint-disable-next-line react-hooks/exhaustive-deps
	}, []);

	const submit = async (v: Entry): Promise<void> => {
		if (busy) return;
		setBusy(true);
		setFault('');
		try {
			const body = { token: (v.token ?? token).trim(), name: v.name.trim(), full_name: v.full_name?.trim(), password: v.password, lang };
			const session = await setUp(body);
			client.setQueryData(keys.session, session.signed_in ? session : await fetchSession());
			history.replaceState(null, '', '/');
			void navigate('/', { replace: true });
		} catch (e) {
			setBusy(false);
			const errors = e instanceof Problem ? e.errors : [];
			const known = new Set(['token', 'name', 'full_name', 'password']);
			const placed = errors.filter((x) => known.has(String(pointerPath(x.pointer)[0])));
			form.setFields(placed.map((x) => ({ name: pointerPath(x.pointer)[0] as keyof Entry, errors: [besideField(x, t)] })));
			if (placed.length < errors.length || !errors.length) setFault(problemText(e, t));
		}
	};

	const required = { required: true, message: t('rule.required') };
	return (
		<main className="door">
			<div className="door-box door-wide">
				<header className="door-head">
					<Logo size={30} />
					<LanguageSwitch />
				</header>
				<h1>{t('start.title')}</h1>
				{needed === false ? (
					<Alert
						type="info" showIcon title={t('start.done')}
						action={<Button size="small" href="/">{t('signin.title')}</Button>}
					/>
				) : (
					<>
						<p className="muted">{t('start.intro')}</p>
						<Form form={form} layout="vertical" size="large" onFinish={submit} disabled={busy} requiredMark={false}>
							{!token && (
								<Form.Item name="token" label={t('start.token')} extra={t('start.token_help')} rules={[required]}>
									<Input autoFocus spellCheck={false} />
								</Form.Item>
							)}
							<div className="two-columns">
								<Form.Item name="name" label={t('signin.name')} extra={t('start.name_help')} rules={[required]}>
									<Input autoFocus={Boolean(token)} autoComplete="username" autoCapitalize="none" spellCheck={false} />
								</Form.Item>
								<Form.Item name="full_name" label={t('start.full_name')} extra={t('start.optional')}>
									<Input autoComplete="name" />
								</Form.Item>
							</div>
							<div className="two-columns">
								<Form.Item
									name="password" label={t('signin.password')} extra={t('start.password_help')}
									rules={[required, { min: 10, max: 200, message: t('start.password_help') }]}
								>
									<Input.Password autoComplete="new-password" />
								</Form.Item>
								<Form.Item
									name="again" label={t('start.again')} dependencies={['password']}
									rules={[required, ({ getFieldValue }) => ({
										validator: (_, v) => !v || v === getFieldValue('password')
											? Promise.resolve() : Promise.reject(new Error(t('start.differs'))),
									})]}
								>
									<Input.Password autoComplete="new-password" />
								</Form.Item>
							</div>
							{fault && <Alert className="gap-below" type="error" showIcon title={fault} role="alert" />}
							<Button className="gap-above" type="primary" htmlType="submit" block loading={busy && { delay: 300 }}>{t('start.submit')}</Button>
						</Form>
					</>
				)}
			</div>
			<p className="door-foot">{t('signin.foot')}</p>
		</main>
	);
}
