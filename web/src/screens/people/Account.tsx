/* One's own account: password, language, sessions. */
import { App, Segmented } from 'antd';
import { useQueryClient } from '@tanstack/react-query';
import { useSession } from '../../api/calls';
import { changePassword, peopleKeys } from '../../api/people';
import { useTitle } from '../../app/hooks';
import { useText } from '../../app/lang';
import { setLanguage } from '../../i18n';
import { PasswordForm } from './Password';
import { Sessions } from './Sessions';

export function Account() {
	const { t, lang } = useText();
	const { message } = App.useApp();
	const client = useQueryClient();
	const session = useSession().data;
	useTitle(t('account.title'), t('product'));
	return (
		<>
			<div className="page-head"><h1>{t('account.title')}</h1></div>
			<section className="sheet sheet-pad" aria-label={t('account.title')}>
				<dl className="facts">
					<dt>{t('signin.name')}</dt><dd>{session?.principal?.name}</dd>
					<dt>{t('start.full_name')}</dt><dd>{session?.principal?.full_name || '–'}</dd>
					<dt>{t('account.role')}</dt><dd>{session?.role && t(`role.${session.role}`, { defaultValue: session.role })}</dd>
					<dt>{t('account.language')}</dt>
					<dd><Segmented value={lang} onChange={(v) => setLanguage(v === 'en' ? 'en' : 'zh')} options={[{ value: 'zh', label: '中文' }, { value: 'en', label: 'English' }]} /></dd>
				</dl>
			</section>
			<section className="sheet sheet-pad gap-above" aria-label={t('account.set_password')}>
				<h2 style={{ marginTop: 0, fontSize: 15 }}>{t('account.set_password')}</h2>
				<PasswordForm
					withOld onSend={async (old, password) => {
						await changePassword(old, password);
						void message.success(t('account.password_set'));
						await client.invalidateQueries({ queryKey: peopleKeys.sessions() });
					}}
				/>
			</section>
			<Sessions mayEndOne />
		</>
	);
}
