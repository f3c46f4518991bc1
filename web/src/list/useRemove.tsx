import { App } from 'antd';
import { deleteRecord, useRefresh } from '../api/calls';
import type { Rec } from '../api/contract';
import { Problem } from '../api/http';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { recordTitle } from '../lib/records';

/** Asks, deletes, says what happened. */
export function useRemove(plural: string, what: string): (r: Rec, after?: () => void) => void {
	const { t } = useText();
	const { modal, message } = App.useApp();
	const refresh = useRefresh();
	return (r, after) => {
		void modal.confirm({
			title: t('list.delete_title', { what, name: recordTitle(r) }),
			content: t('list.delete_text'),
			okText: t('action.delete'), okButtonProps: { danger: true }, autoFocusButton: 'cancel',
			onOk: async () => {
				try {
					await deleteRecord(plural, r.id, r.rev);
					void message.success(t('list.deleted', { name: recordTitle(r) }));
					await refresh(plural);
					after?.();
				} catch (e) {
					if (e instanceof Problem && e.status === 202) void message.info(t('approval.asked'));
					else void modal.error({ title: t('list.not_deleted'), content: problemText(e, t) });
					await refresh(plural);
				}
			},
		});
	};
}
