/* What waits for a second person: what is asked, by whom, until when; approving, refusing, taking back. */
import { useState } from 'react';
import { Alert, App, Button, Input, Segmented, Tag } from 'antd';
import { useQueryClient } from '@tanstack/react-query';
import { useTypes } from '../../api/calls';
import type { AuditEntry } from '../../api/contract';
import { decide, peopleKeys, useApprovals, withdraw, type Approval } from '../../api/people';
import { useTitle } from '../../app/hooks';
import { useText } from '../../app/lang';
import { problemText } from '../../app/problems';
import { labelOf } from '../../form/description';
import { auditChanges } from '../../lib/audit';
import { formatDateTime } from '../../lib/format';
import { RefName } from '../../list/RefName';
import { showField } from '../../list/cells';

const COLORS: Record<string, string> = { pending: 'processing', done: 'success', failed: 'error', refused: 'warning' };

export function Approvals() {
	const { t } = useText();
	const [all, setAll] = useState(false);
	const list = useApprovals(all ? undefined : 'pending');
	useTitle(t('approval.title'), t('product'));
	return (
		<>
			<div className="page-head">
				<h1>{t('approval.title')}</h1>
				<Segmented value={all ? 'all' : 'pending'} onChange={(v) => setAll(v === 'all')} options={[{ value: 'pending', label: t('approval.pending') }, { value: 'all', label: t('approval.all') }]} />
			</div>
			{list.error && <Alert type="error" showIcon title={problemText(list.error, t)} />}
			<section className="sheet" aria-label={t('approval.title')}>
				<ul className="cards">{list.data?.map((a) => <One key={a.id} a={a} />)}</ul>
				{!list.data?.length && !list.isPending && <div className="empty"><h2>{t('approval.none')}</h2><p>{t('approval.none_text')}</p></div>}
			</section>
		</>
	);
}

function One({ a }: { a: Approval }) {
	const { t, lang } = useText();
	const { message, modal } = App.useApp();
	const client = useQueryClient();
	const [note, setNote] = useState('');
	const [busy, setBusy] = useState(false);
	const run = async (what: () => Promise<Approval | unknown>): Promise<void> => {
		setBusy(true);
		try {
			const after = (await what()) as Partial<Approval>;
			if (after.state === 'failed') void modal.warning({ title: t('approval.state_failed'), content: after.outcome });
			else void message.success(t('approval.decided'));
		} catch (e) {
			void modal.error({ title: t('approval.not_decided'), content: problemText(e, t) });
		}
		await client.invalidateQueries({ queryKey: peopleKeys.approvals });
		await client.invalidateQueries({ queryKey: ['noun'] });
		setBusy(false);
	};
	return (
		<li className="card approval">
			<span className="name">{lang === 'zh' ? a.title_zh : a.title}</span>
			<Tag color={COLORS[a.state]}>{t(`approval.state_${a.state}`)}</Tag>
			<span className="side-note">
				{t('approval.by', { who: a.asker_name, when: formatDateTime(Date.parse(String(a.created))) })}
				{a.state === 'pending' ? ` · ${t('approval.until', { when: formatDateTime(Date.parse(a.expires)) })}` : a.decider_name ? ` · ${t('approval.decider', { who: a.decider_name })}` : ''}
				{a.reason ? ` · ${a.reason}` : ''}{a.note ? ` · ${a.note}` : ''}{a.outcome ? ` · ${a.outcome}` : ''}
			</span>
			<Changes a={a} />
			{a.may_decide && (
				<div className="row approval-row">
					<Input value={note} onChange={(e) => setNote(e.target.value)} maxLength={500} placeholder={t('approval.note')} aria-label={t('approval.note')} style={{ maxWidth: 320 }} />
					<Button type="primary" disabled={busy} onClick={() => void run(() => decide(a.id, true, note))}>{t('approval.approve')}</Button>
					<Button danger disabled={busy} onClick={() => void run(() => decide(a.id, false, note))}>{t('approval.refuse')}</Button>
				</div>
			)}
			{a.own && a.state === 'pending' && <div className="row approval-row"><Button size="small" disabled={busy} onClick={() => void run(() => withdraw(a.id))}>{t('approval.withdraw')}</Button></div>}
		</li>
	);
}

function Changes({ a }: { a: Approval }) {
	const { t, lang } = useText();
	const types = useTypes();
	const entry = { changes: a.changes } as AuditEntry;
	const form = types.data?.find((x) => x.name === a.changes?.changes?.[0]?.noun)?.form;
	const rows = auditChanges(entry);
	const side = (field: string, v: unknown): React.ReactNode => {
		const f = form?.fields.find((x) => x.name === field);
		if (v === undefined || v === null) return '';
		if (f?.kind === 'ref' && typeof v === 'string') return <RefName noun={f.ref ?? ''} id={v} />;
		return f ? showField(f, v, lang) : typeof v === 'object' ? JSON.stringify(v) : String(v);
	};
	if (!rows.length) return null;
	return (
		<table className="diff approval-row">
			<thead><tr><th>{t('conflict.field')}</th><th>{t('audit.old')}</th><th>{t('audit.new')}</th></tr></thead>
			<tbody>{rows.map((c, i) => {
				const f = form?.fields.find((x) => x.name === c.field);
				return <tr key={i}><td>{f ? labelOf(f, lang) : c.field}</td><td className="old">{side(c.field, c.old)}</td><td>{side(c.field, c.new)}</td></tr>;
			})}</tbody>
		</table>
	);
}
