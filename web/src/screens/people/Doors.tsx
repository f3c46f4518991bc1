/* The door before the console while a password is due. */
import { useQueryClient } from '@tanstack/react-query';
import { Button } from 'antd';
import { fetchSession, keys, signOut } from '../../api/calls';
import { changePassword } from '../../api/people';
import { LanguageSwitch } from '../../app/LanguageSwitch';
import { Logo } from '../../app/Logo';
import { useTitle } from '../../app/hooks';
import { useText } from '../../app/lang';
import { PasswordForm } from './Password';

export function Door({ title, children }: { title: string; children: React.ReactNode }) {
	const { t } = useText();
	useTitle(title, t('product'));
	return (
		<main className="door">
			<div className="door-box">
				<header className="door-head"><Logo size={30} /><LanguageSwitch /></header>
				<h1>{title}</h1>
				{children}
			</div>
			<p className="door-foot">{t('signin.foot')}</p>
		</main>
	);
}

export function PasswordDue() {
	const { t } = useText();
	const client = useQueryClient();
	const again = async (): Promise<void> => void client.setQueryData(keys.session, await fetchSession());
	return (
		<Door title={t('account.due_title')}>
			<p className="muted">{t('account.due_text')}</p>
			<PasswordForm withOld size="large" onSend={async (old, password) => { await changePassword(old, password); await again(); }} />
			<p><Button type="link" style={{ padding: 0 }} onClick={() => void signOut().then(again)}>{t('shell.sign_out')}</Button></p>
		</Door>
	);
}
