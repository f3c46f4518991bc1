/* Further rights of a user or token: a role, in a place, for a time, at hours of the week. */
import { useRef, useState } from 'react';
import { DeleteOutlined, EditOutlined, PlusOutlined } from '@ant-design/icons';
import { App, Button, Modal } from 'antd';
import { createRecord, patchRecord, useMay, useRefresh, useType } from '../../api/calls';
import type { Rec } from '../../api/contract';
import { Problem } from '../../api/http';
import { useGrants } from '../../api/people';
import { useText } from '../../app/lang';
import { RecordForm, type RecordFormHandle } from '../../form/RecordForm';
import { labelOf, type TypeForm } from '../../form/description';
import { changes, toBody, toValues } from '../../form/values';
import { formatDateTime } from '../../lib/format';
import { RefName } from '../../list/RefName';
import { useRemove } from '../../list/useRemove';

const text = (v: unknown): string => (typeof v === 'string' ? v : '');

export function Grants({ field, id }: { field: 'user' | 'token'; id: string }) {
	const { t } = useText();
	const may = useMay();
	const { form } = useType('grants');
	const grants = useGrants(field, id);
	const remove = useRemove('grants', t('grant.one'));
	const [open, setOpen] = useState<Rec | 'new' | null>(null);
	if (!form) return null;
	const items = grants.data?.items ?? [];
	return (
		<section className="sheet gap-above" style={{ maxWidth: 1040 }} aria-label={t('grant.title')}>
			<div className="bar">
				<h2 className="grow" style={{ margin: 0, fontSize: 15 }}>{t('grant.title')}</h2>
				{may('role.write') && <Button size="small" icon={<PlusOutlined />} onClick={() => setOpen('new')}>{t('grant.add')}</Button>}
			</div>
			<ul className="cards">
				{items.map((g) => (
					<li className="card" key={g.id}>
						<span className="name"><RefName noun="role" id={g.role} /> · {g.place ? <RefName noun="place" id={g.place} /> : t('grant.everywhere')}</span>
						{may('role.write') ? (
							<span>
								<Button type="text" size="small" icon={<EditOutlined />} aria-label={t('grant.change')} onClick={() => setOpen(g)} />
								<Button type="text" size="small" danger icon={<DeleteOutlined />} aria-label={t('action.delete')} onClick={() => remove(g)} />
							</span>
						) : <span />}
						<span className="side-note"><When g={g} form={form} />{text(g.note) && ` · ${text(g.note)}`}</span>
					</li>
				))}
			</ul>
			{!items.length && !grants.isPending && <p className="muted" style={{ padding: '4px 10px' }}>{t('grant.none')}</p>}
			{open && <GrantModal key={open === 'new' ? 'new' : open.id} form={form} field={field} holder={id} given={open === 'new' ? undefined : open} onClose={() => setOpen(null)} />}
		</section>
	);
}

function When({ g, form }: { g: Rec; form: TypeForm }) {
	const { t, lang } = useText();
	const words = form.fields.find((f) => f.name === 'days')?.words ?? [];
	const days = Array.isArray(g.days) ? (g.days as string[]) : [];
	const parts = [
		g.from ? t('grant.from', { when: formatDateTime(Date.parse(text(g.from))) }) : '',
		g.until ? t('grant.until', { when: formatDateTime(Date.parse(text(g.until))) }) : '',
		days.length ? days.map((d) => labelOf(words.find((w) => w.word === d) ?? { word: d }, lang)).join(lang === 'zh' ? '、' : ', ') : '',
		text(g.hour_from) ? `${text(g.hour_from)}–${text(g.hour_until)}` : '',
	].filter(Boolean);
	return <>{parts.length ? parts.join(' · ') : t('grant.always')}</>;
}

function GrantModal({ form, field, holder, given, onClose }: { form: TypeForm; field: 'user' | 'token'; holder: string; given?: Rec; onClose: () => void }) {
	const { t } = useText();
	const { message } = App.useApp();
	const refresh = useRefresh();
	const handle = useRef<RecordFormHandle>(null);
	const [busy, setBusy] = useState(false);
	const before = given ? toValues(form, given) : undefined;
	const save = async (): Promise<void> => {
		const body = await handle.current?.read();
		if (!body || busy) return;
		setBusy(true);
		try {
			if (given) {
				const patch = changes(toBody(form, before!, false), body);
				if (Object.keys(patch).length) await patchRecord('grants', given.id, patch, String(given.rev));
			} else await createRecord('grants', { ...body, [field]: holder });
			await refresh('grants');
			onClose();
		} catch (e) {
			if (e instanceof Problem && e.status === 202) {
				void message.info(t('approval.asked'));
				onClose();
			} else handle.current?.refuse(e);
		} finally {
			setBusy(false);
		}
	};
	return (
		<Modal open title={given ? t('grant.change') : t('grant.add')} onCancel={onClose} onOk={() => void save()} okText={t('action.save')} cancelText={t('action.cancel')} confirmLoading={busy} width={640}>
			<p className="muted small">{t('grant.help')}</p>
			<RecordForm name="grant" type={form} before={before} hidden={['user', 'token']} handle={handle} />
		</Modal>
	);
}
