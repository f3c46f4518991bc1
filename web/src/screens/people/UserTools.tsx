/* What an administrator does for a user besides the record: letting a locked name try again, ending sessions. */
import { App, Button } from 'antd';
import { unlockUser } from '../../api/people';
import { useText } from '../../app/lang';
import { problemText } from '../../app/problems';
import { Sessions } from './Sessions';

export function UserTools({ id }: { id: string }) {
	const { t } = useText();
	const { message, modal } = App.useApp();
	const unlock = async (): Promise<void> => {
		try {
			await unlockUser(id);
			void message.success(t('account.unlocked'));
		} catch (e) {
			void modal.error({ title: t('account.unlock'), content: problemText(e, t) });
		}
	};
	return (
		<div style={{ maxWidth: 1040 }}>
			<Sessions user={id} mayEndOne={false} />
			<p><Button onClick={() => void unlock()}>{t('account.unlock')}</Button> <span className="muted small">{t('account.unlock_help')}</span></p>
		</div>
	);
}
