/** What was imported lately, each to be undone as one step. */
import { App, Button } from 'antd';
import { useList, useRefresh } from '../api/calls';
import type { ImportRecord, UndoReport } from '../api/contract';
import { post } from '../api/http';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { formatDateTime } from '../lib/format';
import { pluralOf } from '../list/useNames';

export function Imports() {
	const { t } = useText();
	const { modal, message } = App.useApp();
	const refresh = useRefresh();
	const list = useList<ImportRecord>('imports', { limit: 10 });
	const items = list.data?.items ?? [];
	const undo = async (r: ImportRecord): Promise<void> => {
		try {
			const would = await post<UndoReport>(`/imports/${r.id}/undo?dry_run=true`);
			await modal.confirm({
				title: t('import.undo_title', { name: r.file || formatDateTime(Date.parse(String(r.created))) }),
				content: <>
					<p>{t('import.undo_text', { deleted: would.deleted, restored: would.restored, back: would.brought_back })}</p>
					{would.kept > 0 && <p>{t('import.undo_kept', { n: would.kept })}</p>}
					<ul>{would.errors.slice(0, 8).map((e, i) => <li key={i}>{e.detail}</li>)}</ul>
				</>,
				okText: t('import.undo'), okButtonProps: { danger: true }, autoFocusButton: 'cancel',
				onOk: async () => {
					const did = await post<UndoReport>(`/imports/${r.id}/undo`);
					void message.success(t('import.undone', { n: did.deleted + did.restored + did.brought_back }));
					await Promise.all([refresh('imports'), refresh(pluralOf(r.noun))]);
				},
			});
		} catch (e) {
			void message.error(problemText(e, t));
		}
	};
	if (!items.length) return null;
	return (
		<section className="sheet sheet-pad" aria-label={t('import.lately')}>
			<h2>{t('import.lately')}</h2>
			<ul className="imports">{items.map((r) => (
				<li key={r.id}>
					<span className="when">{formatDateTime(Date.parse(String(r.created)))}</span>
					<span className="name">{r.file || t(`term.${pluralOf(r.noun)}`)}</span>
					<span className="muted">{t('import.counts', { made: r.made, changed: r.changed, removed: r.removed })}</span>
					{r.state === 'done' ? <Button size="small" onClick={() => void undo(r)}>{t('import.undo')}</Button> : <span className="muted">{t(`import.state_${r.state}`)}</span>}
				</li>
			))}</ul>
		</section>
	);
}
