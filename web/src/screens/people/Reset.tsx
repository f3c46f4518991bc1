/* The one-time link of who lost the password: /reset#tnr_… */
import { useState } from 'react';
import { Alert, Button } from 'antd';
import { resetPassword } from '../../api/people';
import { useText } from '../../app/lang';
import { Door } from './Doors';
import { PasswordForm } from './Password';

export function Reset() {
	const { t } = useText();
	const [done, setDone] = useState(false);
	const token = decodeURIComponent(location.hash.slice(1));
	return (
		<Door title={t('account.reset_title')}>
			{done
				? <Alert type="success" showIcon title={t('account.password_set')} action={<Button size="small" href="/">{t('signin.title')}</Button>} />
				: <>
					<p className="muted">{t('account.reset_text')}</p>
					<PasswordForm withOld={false} size="large" onSend={async (_, password) => { await resetPassword(token, password); setDone(true); }} />
				</>}
		</Door>
	);
}
