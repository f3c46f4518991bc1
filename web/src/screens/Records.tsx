/* The list of any noun: search, filters, order, pages; made from its description. */
import { useEffect, useRef, useState } from 'react';
import { DeleteOutlined, LeftOutlined, PlusOutlined, RightOutlined, TableOutlined, UploadOutlined } from '@ant-design/icons';
import { Alert, Button, Input, Select, Table, type InputRef, type TableColumnsType } from 'antd';
import { Link, useNavigate, useParams, useSearchParams } from 'react-router';
import { useDrivers, useList, useType, type Params } from '../api/calls';
import { query } from '../api/http';
import type { Rec } from '../api/contract';
import { useDebounced, useNarrow, useSearchKey, useTitle } from '../app/hooks';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { inSentence, labelOf, titleOf, type FormField, type TypeForm } from '../form/description';
import { RefSelect } from '../form/RefSelect';
import { recordTitle } from '../lib/records';
import { RefName } from '../list/RefName';
import { showField } from '../list/cells';
import { NOUNS, columnsOf, filtersOf, isSortable } from '../list/nouns';
import { useRemove } from '../list/useRemove';
import { NotFound } from './NotFound';

const PAGE = 50;

export function Records() {
	const { plural = '' } = useParams();
	const { row, form, error } = useType(plural);
	const { t } = useText();
	if (error) return <Alert type="error" showIcon title={problemText(error, t)} />;
	if (!form || !row) return row === undefined && form === undefined && !error ? <Waiting plural={plural} /> : null;
	return <RecordList key={plural} plural={plural} form={form} mayWrite={row.may_write !== false} />;
}

function Waiting({ plural }: { plural: string }) {
	return plural in NOUNS ? <div className="loading" role="status" /> : <NotFound />;
}

function Cell({ f, r }: { f: FormField; r: Rec }) {
	const { lang } = useText();
	const v = r[f.name];
	if (f.kind === 'ref') return <RefName noun={f.ref ?? ''} id={v} />;
	if (f.kind === 'list' && (f.item === 'ref' || f.ref) && Array.isArray(v))
		return <>{v.length ? v.map((id, i) => <span key={String(id)}>{i > 0 && ', '}<RefName noun={f.ref ?? ''} id={id} /></span>) : '–'}</>;
	if (f.widget === 'driver') return <DriverName name={String(v)} />;
	return <>{showField(f, v, lang)}</>;
}

function DriverName({ name }: { name: string }) {
	const { t, lang } = useText();
	const driver = useDrivers().data?.find((d) => d.name === name);
	return <>{driver ? titleOf(driver, lang) : name === 'push' ? t('connection.sent_in') : name}</>;
}

function RecordList({ plural, form, mayWrite }: { plural: string; form: TypeForm; mayWrite: boolean }) {
	const { t, lang } = useText();
	const [search, setSearch] = useSearchParams();
	const navigate = useNavigate();
	const narrow = useNarrow();
	const box = useRef<InputRef>(null);
	const [typed, setTyped] = useState(search.get('q') ?? '');
	const q = useDebounced(typed);
	const [cursors, setCursors] = useState<string[]>([]);
	const title = t(`menu.${plural}`, { defaultValue: titleOf(form, lang) });
	const what = inSentence(titleOf(form, lang));
	const remove = useRemove(plural, what);
	useSearchKey(box);
	useTitle(title, t('product'));

	const filters = filtersOf(plural, form);
	const sort = search.get('sort') ?? NOUNS[plural]?.sort;
	const params: Params = { q: q || undefined, sort: sort && form.fields.some((f) => f.name === sort.replace('-', '')) ? sort : undefined, limit: PAGE, count: true, cursor: cursors[cursors.length - 1] };
	for (const f of filters) params[f.name] = search.get(f.name) ?? undefined;
	const list = useList<Rec>(plural, params);
	const set = (name: string, value: string | undefined): void => {
		setCursors([]);
		setSearch((s) => {
			if (value) s.set(name, value);
			else s.delete(name);
			return s;
		}, { replace: true });
	};
	useEffect(() => set('q', q || undefined), [q]); // eslint-disable-line react-hooks/exhaustive-deps

	const columns: TableColumnsType<Rec> = columnsOf(plural, form).map((f, i) => ({
		key: f.name, dataIndex: f.name, title: labelOf(f, lang), ellipsis: true,
		width: f.kind === 'bool' ? (labelOf(f, lang).length > (lang === 'zh' ? 3 : 8) ? 132 : 96) : undefined, align: /^(i|u|f)\d|dec/.test(f.kind) ? 'right' : undefined,
		sorter: isSortable(f), sortDirections: ['ascend', 'descend'],
		sortOrder: sort === f.name ? 'ascend' : sort === `-${f.name}` ? 'descend' : null,
		render: (_, r) => {
			const cell = <Cell f={f} r={r} />;
			return i < 2 && (f.name === 'code' || f.name === 'name') ? <Link to={`/r/${plural}/${r.id}`}>{cell}</Link> : cell;
		},
	}));
	if (mayWrite)
		columns.push({
			key: 'actions', title: <span className="visually-hidden">{t('list.actions')}</span>, width: 52, align: 'right',
			render: (_, r) => r.builtin !== true && <Button type="text" size="small" danger icon={<DeleteOutlined />} aria-label={t('list.delete_aria', { name: recordTitle(r) })} onClick={(e) => { e.stopPropagation(); remove(r); }} />,
		});
	const items = list.data?.items ?? [];
	const isFiltered = Boolean(q) || filters.some((f) => search.get(f.name));
	const from = cursors.length * PAGE;
	const empty = (
		<div className="empty">
			<h2>{isFiltered ? t('list.nothing_found') : t('list.none_yet', { what })}</h2>
			{isFiltered
				? <Button onClick={() => { setTyped(''); setSearch({}, { replace: true }); }}>{t('list.clear_filters')}</Button>
				: <>
					<p>{t(`empty.${plural}`, { defaultValue: '' })}</p>
					{mayWrite && <div className="row">
						{['connections', 'devices', 'groups', 'points'].includes(plural) && <Button type="primary" icon={<PlusOutlined />} onClick={() => void navigate('/add')}>{t('menu.add')}</Button>}
						<Button onClick={() => void navigate(`/r/${plural}/new`)}>{t('list.new', { what })}</Button>
					</div>}
				</>}
		</div>
	);
	return (
		<>
			<div className="page-head">
				<h1>{title}</h1>
				{['points', 'groups', 'devices', 'places'].includes(plural) && mayWrite && !narrow && <Button icon={<TableOutlined />} onClick={() => void navigate(`/grid/${plural}${query({ device: search.get('device') })}`)}>{t('grid.title')}</Button>}
				{plural === 'points' && mayWrite && <Button icon={<UploadOutlined />} onClick={() => void navigate('/import')}>{t('import.title')}</Button>}
				{mayWrite && <Button type="primary" icon={<PlusOutlined />} onClick={() => void navigate(`/r/${plural}/new`)}>{t('list.new', { what })}</Button>}
			</div>
			<section className="sheet" aria-label={title}>
				<div className="bar searches" role="search">
					<Input
						ref={box} allowClear value={typed} className="search" placeholder={t('list.search')} aria-label={t('list.search')} suffix={typed || narrow ? undefined : <kbd>/</kbd>}
						onChange={(e) => setTyped(e.target.value)}
						onKeyDown={(e) => { if (e.key === 'Escape') { setTyped(''); box.current?.blur(); } }}
					/>
					{filters.map((f) => <Filter key={f.name} f={f} value={search.get(f.name) ?? undefined} onChange={(v) => set(f.name, v)} />)}
				</div>
				{list.error && <Alert type="error" banner showIcon title={problemText(list.error, t)} />}
				{narrow ? (
					items.length ? <ul className="cards">{items.map((r) => (
						<li className="card" key={r.id}>
							<Link className="name" to={`/r/${plural}/${r.id}`}>{recordTitle(r)}</Link>
							{mayWrite && r.builtin !== true ? <Button type="text" size="small" danger icon={<DeleteOutlined />} aria-label={t('list.delete_aria', { name: recordTitle(r) })} onClick={() => remove(r)} /> : <span />}
							<span className="side-note">
								{columnsOf(plural, form).filter((f) => !['code', 'name'].includes(f.name) && r[f.name] !== undefined && r[f.name] !== null && r[f.name] !== '').slice(0, 4)
									.map((f, i) => <span key={f.name}>{i > 0 && ' · '}{labelOf(f, lang)} <Cell f={f} r={r} /></span>)}
							</span>
						</li>
					))}</ul> : !list.isPending && empty
				) : (
					<Table<Rec>
						size="small" rowKey="id" columns={columns} dataSource={items} pagination={false} loading={list.isPending} sticky
						scroll={{ x: Math.max(600, columns.length * 96) }} locale={{ emptyText: list.isPending ? ' ' : empty }}
						onChange={(_, __, s) => {
							const one = Array.isArray(s) ? s[0] : s;
							set('sort', one?.order ? `${one.order === 'descend' ? '-' : ''}${String(one.columnKey)}` : undefined);
						}}
						onRow={(r) => ({ onDoubleClick: () => void navigate(`/r/${plural}/${r.id}`) })}
					/>
				)}
				{items.length > 0 && (
					<div className="foot">
						<span>{t('list.range', { from: from + 1, to: from + items.length, total: list.data?.count ?? '?' })}</span>
						<Button size="small" icon={<LeftOutlined />} disabled={!cursors.length} aria-label={t('list.previous')} onClick={() => setCursors((c) => c.slice(0, -1))} />
						<Button size="small" icon={<RightOutlined />} disabled={!list.data?.next} aria-label={t('list.next')} onClick={() => setCursors((c) => [...c, list.data!.next!])} />
					</div>
				)}
			</section>
		</>
	);
}

function Filter({ f, value, onChange }: { f: FormField; value?: string; onChange: (v: string | undefined) => void }) {
	const { t, lang } = useText();
	const label = labelOf(f, lang);
	const drivers = useDrivers().data ?? [];
	if (f.kind === 'ref' || (f.kind === 'list' && f.ref))
		return <div className="filter"><RefSelect noun={f.ref ?? ''} value={value} onChange={(v) => onChange((v as string) || undefined)} placeholder={label} /></div>;
	const options = f.kind === 'bool'
		? [{ value: 'true', label: `${label}: ${t('word.yes')}` }, { value: 'false', label: `${label}: ${t('word.no')}` }]
		: f.widget === 'driver' ? [...drivers.map((d) => ({ value: d.name, label: titleOf(d, lang) })), { value: 'push', label: t('connection.sent_in') }]
		: (f.words ?? []).map((w) => ({ value: w.word, label: labelOf(w, lang) }));
	return <Select className="filter" placeholder={label} aria-label={label} value={value} allowClear onChange={(v) => onChange(v)} options={options} />;
}
