/* Who did what, when, and what stood there before. */
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { LeftOutlined, RightOutlined } from '@ant-design/icons';
import { Alert, Button, Input, Segmented, Table, Tag, type TableColumnsType } from 'antd';
import { useAudit, useTypes } from '../api/calls';
import type { AuditEntry } from '../api/contract';
import { useDebounced, useNarrow, useTitle } from '../app/hooks';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { labelOf, titleOf, type TypeRow } from '../form/description';
import { auditChanges, auditName, auditRecords } from '../lib/audit';
import { formatDateTime } from '../lib/format';
import { RefName } from '../list/RefName';
import { showField } from '../list/cells';

const PAGE = 50;

export function Audit() {
	const { t } = useText();
	const narrow = useNarrow();
	const types = useTypes();
	const [typed, setTyped] = useState('');
	const q = useDebounced(typed);
	const [cursors, setCursors] = useState<string[]>([]);
	const [store, setStore] = useState<'tenant' | 'system'>('tenant');
	const list = useAudit({ store: store === 'system' ? store : undefined, q: q || undefined, limit: PAGE, cursor: cursors[cursors.length - 1] });
	useTitle(t('menu.audit'), t('product'));
	const items = list.data?.items ?? [];

	const columns: TableColumnsType<AuditEntry> = [
		{ title: t('audit.when'), key: 'when', width: 165, render: (_, e) => <span className="nowrap">{formatDateTime(Date.parse(e.time))}</span> },
		{ title: t('audit.who'), key: 'who', width: 130, ellipsis: true, render: (_, e) => (e.name ?? '') },
		{ title: t('audit.what'), key: 'what', width: 240, ellipsis: true, render: (_, e) => <Deed e={e} types={types.data} /> },
		{ title: t('audit.changes'), key: 'changes', ellipsis: true, render: (_, e) => <Brief e={e} types={types.data} /> },
		{ title: t('audit.from'), key: 'peer', width: 130, render: (_, e) => <span className="muted mono">{e.peer ?? ''}</span> },
	];
	return (
		<>
			<div className="page-head"><h1>{t('menu.audit')}</h1></div>
			<section className="sheet" aria-label={t('menu.audit')}>
				<div className="bar">
					<Segmented aria-label={t('audit.store')} value={store} onChange={(v: 'tenant' | 'system') => { setStore(v); setCursors([]); }} options={[{ value: 'tenant', label: t('audit.tenant') }, { value: 'system', label: t('audit.system') }]} />
					<Input allowClear style={{ width: 240 }} value={typed} placeholder={t('audit.search')} aria-label={t('audit.search')} onChange={(e) => { setTyped(e.target.value); setCursors([]); }} />
				</div>
				{list.error && <Alert type="error" banner title={problemText(list.error, t)} />}
				{narrow ? <ul className="cards">{items.map((e) => (
					<li className="card" key={e.seq}>
						<span className="name"><Deed e={e} types={types.data} /></span>
						<span className="muted small nowrap">{formatDateTime(Date.parse(e.time))}</span>
						<span className="side-note">{[e.name, e.peer].filter(Boolean).join(' · ')}</span><span />
						<span className="small" style={{ gridColumn: '1 / -1' }}><Brief e={e} types={types.data} /></span>
					</li>
				))}</ul> : (
					<Table<AuditEntry>
						size="small" rowKey="seq" columns={columns} dataSource={items} pagination={false} loading={list.isPending} scroll={{ x: 900 }}
						expandable={{ expandedRowRender: (e) => <Changes e={e} types={types.data} />, rowExpandable: (e) => auditChanges(e).length > 0 }}
						locale={{ emptyText: <div className="empty"><h2>{t('list.nothing_found')}</h2></div> }}
					/>
				)}
				<div className="foot">
					<Button size="small" icon={<LeftOutlined />} disabled={!cursors.length} aria-label={t('list.previous')} onClick={() => setCursors((c) => c.slice(0, -1))} />
					<Button size="small" icon={<RightOutlined />} disabled={!list.data?.next} aria-label={t('list.next')} onClick={() => setCursors((c) => [...c, list.data!.next!])} />
				</div>
			</section>
		</>
	);
}

/** "point.create" as words: verb and noun, or those of the whole deed. */
function Deed({ e, types }: { e: AuditEntry; types?: TypeRow[] }) {
	const { t, lang } = useText();
	const { i18n } = useTranslation();
	const [noun, verb] = e.deed.split('.');
	const whole = e.deed.replace('.', '_');
	const type = types?.find((x) => x.name === noun || x.plural === noun);
	const refused = Boolean(e.outcome) && e.outcome !== 'ok' && e.outcome !== 'done';
	return (
		<>
			{i18n.exists(`deed_of.${whole}`) ? t(`deed_of.${whole}`) : <>{t(`deed.${verb}`, { defaultValue: verb ?? '' })} {type ? titleOf(type, lang) : t(`term.${noun}`, { defaultValue: noun ?? '' })}</>}
			{auditName(e, lang) && auditRecords(e).n === 1 && <b> {auditName(e, lang)}</b>}
			{refused && <Tag color="error" style={{ marginLeft: 6 }}>{t('audit.refused')}</Tag>}
		</>
	);
}

type Form = TypeRow['form'] | undefined;
const formOf = (e: AuditEntry, types?: TypeRow[]): Form => types?.find((x) => x.name === (e.noun || e.deed.split('.')[0]))?.form;

function Side({ form, field, value }: { form: Form; field: string; value: unknown }) {
	const { lang } = useText();
	const f = form?.fields.find((x) => x.name === field);
	if (f?.kind === 'ref' && typeof value === 'string') return <RefName noun={f.ref ?? ''} id={value} />;
	if (f) return <>{showField(f, value, lang)}</>;
	return <>{value === undefined || value === null ? '–' : typeof value === 'object' ? JSON.stringify(value) : String(value)}</>;
}

/** One line: what changed, without references and settings; how many records when there are several. */
function Brief({ e, types }: { e: AuditEntry; types?: TypeRow[] }) {
	const { t, lang } = useText();
	const form = formOf(e, types);
	const records = auditRecords(e);
	if (records.n > 1) return <span>{t('audit.records', { n: records.n })} <span className="muted">{records.names.slice(0, 6).join(', ')}{records.n > 6 && ' …'}</span></span>;
	if (e.noun === 'job') return null;                   // the deed and its title say it
	const all = auditChanges(e);
	const plain = all.filter((c) => {
		const kind = form?.fields.find((x) => x.name === c.field)?.kind;
		return kind !== 'ref' && kind !== 'json' && kind !== 'variant' && !(c.field === 'code' && c.old === undefined);
	});
	return (
		<span>
			{plain.slice(0, 4).map((c, i) => {
				const f = form?.fields.find((x) => x.name === c.field);
				return (
					<span key={c.field}>
						{i > 0 && '; '}<span className="muted">{f ? labelOf(f, lang) : c.field}</span> {c.old !== undefined && <><span className="muted"><Side form={form} field={c.field} value={c.old} /> →</span> </>}
						<Side form={form} field={c.field} value={c.new} />
					</span>
				);
			})}
			{all.length > Math.min(4, plain.length) && <span className="muted"> +{all.length - Math.min(4, plain.length)}</span>}
		</span>
	);
}

function Changes({ e, types }: { e: AuditEntry; types?: TypeRow[] }) {
	const { t, lang } = useText();
	const form = formOf(e, types);
	return (
		<table className="diff">
			<thead><tr><th>{t('conflict.field')}</th><th>{t('audit.old')}</th><th>{t('audit.new')}</th></tr></thead>
			<tbody>{auditChanges(e).map((c, i) => {
				const f = form?.fields.find((x) => x.name === c.field);
				return <tr key={i}><td>{f ? labelOf(f, lang) : c.field}</td><td className="old">{c.old === undefined ? '' : <Side form={form} field={c.field} value={c.old} />}</td><td><Side form={form} field={c.field} value={c.new} /></td></tr>;
			})}</tbody>
		</table>
	);
}
