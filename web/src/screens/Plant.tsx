/* Places and devices on the left, their points with live value, quality and age on the right. */
import { useEffect, useMemo, useRef, useState } from 'react';
import { ApartmentOutlined, HddOutlined, InboxOutlined, LineChartOutlined, PlusOutlined, UploadOutlined } from '@ant-design/icons';
import { useQuery } from '@tanstack/react-query';
import { Alert, Button, Checkbox, Input, Select, Table, Tree, type InputRef, type TableColumnsType } from 'antd';
import { Link, useNavigate, useParams } from 'react-router';
import { ALL_MAX, fetchAll, keys, useAll, useLinks, useMay } from '../api/calls';
import type { Device, LinkRow, Place, Point } from '../api/contract';
import { live, useLive, useSubscription } from '../api/live';
import { useNarrow, useSearchKey, useSize, useTick, useTitle } from '../app/hooks';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { usePrefs } from '../app/prefs';
import { SetValue, SetValueHost } from '../field/SetValue';
import { AgeCell, LiveCell, QualityCell } from '../lib/Quality';
import { isTroubled, linkClass } from '../lib/links';
import { formatCount } from '../lib/format';
import { severity } from '../lib/quality';
import { filterTree, pathTo, plantTree, type Node } from '../lib/tree';

/** More points than this are not all subscribed at once; the rest come as one narrows the list. */
const LIVE_MAX = 8000;

export function Plant() {
	const { t } = useText();
	const { node: key } = useParams();
	const navigate = useNavigate();
	const narrow = useNarrow();
	const places = useAll<Place>('places');
	const devices = useAll<Device>('devices');
	const links = useLinks();
	const tree = useMemo(() => plantTree(places.data?.items ?? [], devices.data?.items ?? [], t('plant.unplaced')), [places.data, devices.data, t]);
	const path = key ? pathTo(tree, key) : [];
	const chosen = path[path.length - 1];
	useTitle(chosen?.title ?? t('menu.live'), t('product'));

	const fault = places.error ?? devices.error;
	if (fault) return <Alert type="error" showIcon title={problemText(fault, t)} />;
	if (!places.data || !devices.data) return <div className="loading" role="status" />;
	if (!devices.data.items.length) return <NoDevices hasPlaces={places.data.items.length > 0} />;
	const go = (k: string | undefined): void => void navigate(k ? `/live/${k}` : '/live');
	return (
		<>
			<div className="page-head"><h1>{t('menu.live')}</h1></div>
			<div className="plant">
				{narrow ? <TreeSelectBox tree={tree} value={chosen?.key} onChange={go} /> : <TreeBox tree={tree} links={links.data} chosen={chosen?.key} onChoose={go} />}
				<PointTable node={chosen} path={path} tree={tree} devices={devices.data.items} links={links.data} />
			</div>
		</>
	);
}

function NoDevices({ hasPlaces }: { hasPlaces: boolean }) {
	const { t } = useText();
	const may = useMay();
	return (
		<>
			<div className="page-head"><h1>{t('menu.live')}</h1></div>
			<div className="sheet empty">
				<h2>{t('plant.no_devices')}</h2>
				<p>{t('plant.no_devices_text')}</p>
				{may('link.write') && (
					<div className="row">
						<Link to="/add"><Button type="primary" icon={<PlusOutlined />}>{t('menu.add')}</Button></Link>
						{!hasPlaces && <Link to="/r/places/new"><Button>{t('plant.add_place')}</Button></Link>}
					</div>
				)}
			</div>
		</>
	);
}

const flat = (nodes: Node[], depth = 0): { node: Node; depth: number }[] => nodes.flatMap((node) => [{ node, depth }, ...flat(node.children, depth + 1)]);

function TreeSelectBox({ tree, value, onChange }: { tree: Node[]; value?: string; onChange: (k: string | undefined) => void }) {
	const { t } = useText();
	return (
		<Select
			aria-label={t('plant.tree')} value={value} allowClear showSearch optionFilterProp="title" placeholder={t('plant.all')} onChange={(k) => onChange(k)}
			options={flat(tree).map(({ node, depth }) => ({ value: node.key, title: node.title, label: `${'\u2003'.repeat(depth)}${node.title}` }))}
		/>
	);
}

interface TreeItem {
	key: string;
	title: React.ReactNode;
	children: TreeItem[];
}

function TreeBox({ tree, links, chosen, onChoose }: { tree: Node[]; links?: LinkRow[]; chosen?: string; onChoose: (k: string | undefined) => void }) {
	const { t } = useText();
	const [text, setText] = useState('');
	const [box, size] = useSize<HTMLDivElement>();
	const shown = useMemo(() => filterTree(tree, text), [tree, text]);
	const bad = useMemo(() => new Map(links?.map((l) => [l.id, isTroubled(l)])), [links]);
	const data = useMemo(() => {
		const make = (n: Node): TreeItem => {
			const nBad = n.devices.filter((d) => bad.get(d)).length;
			return {
				key: n.key,
				title: (
					<span className="tree-node">
						<span className="muted">{n.kind === 'device' ? <HddOutlined /> : n.kind === 'place' ? <ApartmentOutlined /> : <InboxOutlined />}</span>
						<span className="ellipsis" title={n.title}>{n.title}</span>
						{n.disabled && <span className="tree-count">{t('state.disabled')}</span>}
						{nBad > 0
							? <span className="tree-count bad" title={t('plant.devices_bad', { count: nBad })}>✕{n.kind === 'device' ? '' : ` ${nBad}`}</span>
							: n.kind !== 'device' && <span className="tree-count">{n.devices.length}</span>}
					</span>
				),
				children: n.children.map(make),
			};
		};
		return shown.map(make);
	}, [shown, bad, t]);
	return (
		<section className="sheet plant-tree" aria-label={t('plant.tree')}>
			<div className="bar"><Input size="small" allowClear value={text} placeholder={t('plant.tree_search')} aria-label={t('plant.tree_search')} onChange={(e) => setText(e.target.value)} onKeyDown={(e) => e.key === 'Escape' && setText('')} /></div>
			<div className="tree-box" ref={box}>
				<Tree
					blockNode showLine={false} defaultExpandAll key={text ? 'found' : 'all'} treeData={data} height={size.height || 400} virtual
					selectedKeys={chosen ? [chosen] : []} onSelect={(k) => onChoose(k[0] as string | undefined)}
				/>
			</div>
		</section>
	);
}

/** Points of many devices: in portions, since addresses have an end. */
async function fetchPoints(ids: string[] | null, signal?: AbortSignal): Promise<{ items: Point[]; more: boolean }> {
	if (!ids) return fetchAll<Point>('points', {}, signal);
	const out: Point[] = [];
	for (let i = 0; i < ids.length && out.length < ALL_MAX; i += 25) {
		const part = await fetchAll<Point>('points', { 'device.in': ids.slice(i, i + 25).join(',') }, signal);
		out.push(...part.items);
	}
	return { items: out, more: out.length >= ALL_MAX };
}

interface TableProps {
	node?: Node;
	path: Node[];
	tree: Node[];
	devices: Device[];
	links?: LinkRow[];
}

function PointTable({ node, path, devices, links }: TableProps) {
	const { t } = useText();
	const may = useMay();
	const narrow = useNarrow();
	const navigate = useNavigate();
	const prefs = usePrefs();
	const search = useRef<InputRef>(null);
	const [text, setText] = useState('');
	const [onlyAbnormal, setOnlyAbnormal] = useState(false);
	const [checked, setChecked] = useState<string[]>([]);
	const [box, size] = useSize<HTMLDivElement>();
	useSearchKey(search);
	useEffect(() => setChecked([]), [node?.key]);

	const ids = node ? node.devices : null;
	const points = useQuery({
		queryKey: [...keys.noun('points'), 'of', ids], queryFn: ({ signal }) => fetchPoints(ids, signal), staleTime: 10e3,
	});
	const all = useMemo(() => points.data?.items ?? [], [points.data]);
	useSubscription(useMemo(() => all.slice(0, LIVE_MAX).map((p) => p.id), [all]), 2);
	const names = useMemo(() => new Map(devices.map((d) => [d.id, d.name || d.code])), [devices]);

	const tick = useTick(1000);
	const { counts, shown } = useMemo(() => {
		const want = text.trim().toLowerCase();
		const n = { good: 0, uncertain: 0, bad: 0 };
		const rows = all.filter((p) => {
			const q = live.get(p.id)?.q;
			if (q !== undefined) n[severity(q)]++;
			if (onlyAbnormal && (q === undefined || severity(q) === 'good')) return false;
			return !want || [p.code, p.name, p.description, p.address, p.unit].some((x) => typeof x === 'string' && x.toLowerCase().includes(want));
		});
		return { counts: n, shown: rows };
		// tick: qualities change without the list changing
		// eslint-disable-next-line react-hooks/exhaustive-deps
	}, [all, text, onlyAbnormal, tick]);

	const device = node?.kind === 'device' ? devices.find((d) => d.id === node.key) : undefined;
	const link = device && links?.find((l) => l.id === device.id);
	const oneDevice = Boolean(device);
	const columns: TableColumnsType<Point> = [
		{ title: t('field.code'), dataIndex: 'code', width: 112, ellipsis: true, render: (_, p) => (may('point.write') ? <Link to={`/r/points/${p.id}?back=/live/${node?.key ?? ''}`}>{p.code}</Link> : p.code) },
		{ title: t('field.name'), dataIndex: 'name', width: oneDevice ? 160 : 130, ellipsis: true, render: (_, p) => p.name || p.description || '' },
		...(oneDevice ? [] : [{ title: t('term.device'), key: 'device', width: 92, ellipsis: true, render: (_: unknown, p: Point) => names.get(p.device) ?? '' }]),
		{ title: t('field.value'), key: 'value', width: 124, align: 'right', render: (_, p) => <LiveCell point={p} /> },
		{ title: t('field.quality'), key: 'quality', width: 172, render: (_, p) => <QualityCell point={p} /> },
		{ title: t('field.age'), key: 'age', width: 64, align: 'right', render: (_, p) => <AgeCell point={p} /> },
		...(may('command.send') ? [{ title: '', key: 'write', width: 36, render: (_: unknown, p: Point) => <SetValue point={p} small /> }] : []),
		...(oneDevice ? [{ title: t('field.address'), dataIndex: 'address', width: 84, ellipsis: true, render: (a: string) => <span className="mono">{a}</span> }] : []),
	];
	const openTrend = (list: string[]): void => {
		prefs.set({ trendPoints: list });
		void navigate(`/trend?p=${list.join(',')}`);
	};
	const back = encodeURIComponent(`/live/${node?.key ?? ''}`);
	const empty = (
		<div className="empty">
			<h2>{all.length ? t('list.nothing_found') : t('plant.no_points')}</h2>
			{!all.length && <p>{t('plant.no_points_text')}</p>}
			{!all.length && may('point.write') && (
				<div className="row">
					<Button type="primary" icon={<UploadOutlined />} onClick={() => void navigate(`/import${device ? `?device=${device.id}` : ''}`)}>{t('import.title')}</Button>
					<Button icon={<PlusOutlined />} onClick={() => void navigate(`/r/points/new?back=${back}`)}>{t('plant.add_point')}</Button>
				</div>
			)}
		</div>
	);
	return (
		<section className="sheet plant-table" aria-label={t('term.points')}>
			<div className="bar">
				<div className="grow" style={{ minWidth: 200 }}>
					<div className="crumbs ellipsis">{path.length ? path.map((n) => n.title).join(' / ') : t('plant.all')}</div>
					<div className="row" style={{ columnGap: 14 }}>
						<span>{t('plant.count', { n: formatCount(all.length) })}</span>
						{counts.bad > 0 && <span className="q q-bad">✕ {t('plant.bad', { n: formatCount(counts.bad) })}</span>}
						{counts.uncertain > 0 && <span className="q q-uncertain">△ {t('plant.uncertain', { n: formatCount(counts.uncertain) })}</span>}
						{link && <LinkNote link={link} />}
					</div>
				</div>
				<Checkbox checked={onlyAbnormal} onChange={(e) => setOnlyAbnormal(e.target.checked)}>{t('plant.only_abnormal')}</Checkbox>
				<Input
					ref={search} allowClear value={text} style={{ width: 190 }} placeholder={t('plant.search')} aria-label={t('plant.search')} suffix={text || narrow ? undefined : <kbd>/</kbd>}
					onChange={(e) => setText(e.target.value)} onKeyDown={(e) => { if (e.key === 'Escape') { setText(''); search.current?.blur(); } }}
				/>
				<Button icon={<LineChartOutlined />} disabled={!checked.length} onClick={() => openTrend(checked)}>{checked.length ? t('plant.trend_n', { n: checked.length }) : t('menu.trend')}</Button>
				{may('point.write') && !narrow && <Button icon={<UploadOutlined />} onClick={() => void navigate(`/import${device ? `?device=${device.id}` : ''}`)}>{t('import.short')}</Button>}
			</div>
			{points.error && <Alert type="error" banner title={problemText(points.error, t)} />}
			{points.data?.more && <Alert type="warning" banner title={t('plant.too_many', { n: formatCount(ALL_MAX) })} />}
			<SetValueHost />
			<div className="table-box" ref={box}>
				{narrow ? (shown.length ? <PointCards points={shown.slice(0, 300)} checked={checked} onCheck={setChecked} /> : points.isPending ? null : empty) : size.height > 0 && (
					<Table<Point>
						size="small" rowKey="id" virtual columns={columns} dataSource={shown} pagination={false} loading={points.isPending}
						scroll={{ x: 730, y: Math.max(120, size.height - 34) }} locale={{ emptyText: points.isPending ? ' ' : empty }}
						rowClassName={(p) => (severity(live.get(p.id)?.q ?? 0) === 'bad' ? 'row-bad' : '')}
						rowSelection={{ selectedRowKeys: checked, onChange: (k) => setChecked(k as string[]), columnWidth: 36, hideSelectAll: shown.length > 24 }}
						onRow={(p) => ({ onDoubleClick: () => openTrend([p.id]) })}
					/>
				)}
			</div>
		</section>
	);
}

export function LinkNote({ link }: { link: LinkRow }) {
	const { t } = useText();
	const cls = linkClass(link.state);
	return (
		<span className={`state state-${cls}`} style={{ maxWidth: '100%' }}>
			<span>{cls === 'bad' ? '✕' : cls === 'wait' ? '◔' : cls === 'off' ? '○' : '●'} {t(`state.${link.state}`)}</span>
			{link.reason && cls !== 'running' && <span className="ellipsis" title={link.reason}>· {link.reason}</span>}
		</span>
	);
}

function PointCards({ points, checked, onCheck }: { points: Point[]; checked: string[]; onCheck: (ids: string[]) => void }) {
	return <ul className="cards">{points.map((p) => <PointCard key={p.id} point={p} checked={checked.includes(p.id)} onCheck={(on) => onCheck(on ? [...checked, p.id] : checked.filter((x) => x !== p.id))} />)}</ul>;
}

function PointCard({ point, checked, onCheck }: { point: Point; checked: boolean; onCheck: (on: boolean) => void }) {
	const value = useLive(point.id);
	const isBad = value !== undefined && severity(value.q) === 'bad';
	return (
		<li className={isBad ? 'card row-bad' : 'card'}>
			<Checkbox checked={checked} onChange={(e) => onCheck(e.target.checked)}><span className="name">{point.name || point.code}</span></Checkbox>
			<span className="row"><LiveCell point={point} /><SetValue point={point} small /></span>
			<span className="side-note">{point.name ? point.code : point.address}</span>
			<span className="side-note row">{value && severity(value.q) !== 'good' && <QualityCell point={point} />}<AgeCell point={point} /></span>
		</li>
	);
}
