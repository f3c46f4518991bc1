/* What the drivers do: state of every connection and device, the rate they reach, what they missed. */
import { useMemo } from 'react';
import { PlusOutlined } from '@ant-design/icons';
import { Alert, Button, Table, type TableColumnsType } from 'antd';
import { Link } from 'react-router';
import { useAll, useLinks, useMay } from '../api/calls';
import type { Device, Group, LinkRow, Rec } from '../api/contract';
import { useNarrow, useTitle } from '../app/hooks';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { isTroubled } from '../lib/links';
import { inSentence } from '../form/description';
import { formatCount, formatDateTime, formatRecent, THIN } from '../lib/format';
import { recordTitle } from '../lib/records';
import { LinkNote } from './Plant';

interface Row {
	key: string;
	depth: 'connection' | 'device' | 'group';
	record: Rec;
	link?: LinkRow;
	children?: Row[];
}

const targetOf = (r: Row): string => (r.depth === 'connection' ? `/collection/${r.key}` : r.depth === 'device' ? `/live/${r.key}` : `/r/groups/${r.key}`);

export function Collection() {
	const { t } = useText();
	const may = useMay();
	const narrow = useNarrow();
	const links = useLinks(1000);
	const connections = useAll<Rec>('connections');
	const devices = useAll<Device>('devices');
	const groups = useAll<Group>('groups');
	useTitle(t('menu.status'), t('product'));
	const rows = useMemo(() => {
		const by = new Map(links.data?.map((l) => [l.id, l]));
		const row = (depth: Row['depth'], r: Rec, children?: Row[]): Row => ({ key: r.id, depth, record: r, link: by.get(r.id), children: children?.length ? children : undefined });
		return (connections.data?.items ?? []).map((c) => row('connection', c,
			(devices.data?.items ?? []).filter((d) => d.connection === c.id).map((d) => row('device', d,
				(groups.data?.items ?? []).filter((g) => g.device === d.id).map((g) => row('group', g))))));
	}, [links.data, connections.data, devices.data, groups.data]);

	const fault = links.error ?? connections.error;
	const pending = connections.isPending || devices.isPending || groups.isPending;
	const number = (n: number | undefined | null, digits = 0, unit = ''): React.ReactNode =>
		n === undefined || n === null ? <span className="muted">–</span> : <>{digits ? n.toFixed(digits) : formatCount(n)}{unit && <span className="muted">{THIN}{unit}</span>}</>;
	const columns: TableColumnsType<Row> = [
		{
			title: t('field.name'), key: 'name', width: 220, ellipsis: true,
			render: (_, r) => <><Link className="beside" to={targetOf(r)}>{recordTitle(r.record)}</Link> <span className="muted small">{t(`term.${r.depth}`)}</span></>,
		},
		{ title: t('field.state'), key: 'state', width: 200, ellipsis: true, render: (_, r) => (r.link ? <LinkNote link={r.link} /> : <span className="muted">{r.record.driver === 'push' ? t('connection.sent_in') : '–'}</span>) },
		{ title: t('field.since'), key: 'since', width: 92, render: (_, r) => <span className="muted nowrap" title={r.link?.since && formatDateTime(Date.parse(r.link.since))}>{r.link?.since ? formatRecent(Date.parse(r.link.since)) : '–'}</span> },
		{ title: t('field.points'), key: 'points', align: 'right', width: 70, render: (_, r) => number(r.link?.points) },
		{
			title: t('field.rate'), key: 'rate', align: 'right', width: 134,
			render: (_, r) => r.link?.rate_hz === undefined ? <span className="muted">–</span>
				: <span className={r.link.wanted_hz && r.link.rate_hz < r.link.wanted_hz * 0.95 ? 'q-uncertain' : ''}>{r.link.rate_hz.toFixed(2)}<span className="muted">{r.link.wanted_hz ? ` / ${r.link.wanted_hz.toFixed(2)}` : ''}{THIN}{t('unit.per_s')}</span></span>,
		},
		{ title: t('field.cycle'), key: 'cycle', align: 'right', width: 90, render: (_, r) => number(r.link?.cycle_ms, 1, 'ms') },
		{ title: t('field.requests'), key: 'requests', align: 'right', width: 88, render: (_, r) => number(r.link?.requests) },
		{ title: t('field.missed'), key: 'missed', align: 'right', width: 78, render: (_, r) => <span className={r.link?.missed ? 'q-uncertain' : ''}>{number(r.link?.missed)}</span> },
		{ title: t('field.errors'), key: 'errors', align: 'right', width: 66, render: (_, r) => <span className={r.link?.errors ? 'q-uncertain' : ''}>{number(r.link?.errors)}</span> },
	];
	const empty = (
		<div className="empty">
			<h2>{t('list.none_yet', { what: inSentence(t('term.connection')) })}</h2>
			<p>{t('empty.connections')}</p>
			{may('link.write') && <Link to="/add"><Button type="primary" icon={<PlusOutlined />}>{t('menu.add')}</Button></Link>}
		</div>
	);
	const flat = (list: Row[]): Row[] => list.flatMap((r) => [r, ...flat(r.children ?? [])]);
	return (
		<>
			<div className="page-head">
				<h1>{t('menu.status')}</h1>
				{may('link.write') && <Link to="/add"><Button type="primary" icon={<PlusOutlined />}>{t('menu.add')}</Button></Link>}
			</div>
			{fault && <Alert type="error" showIcon title={problemText(fault, t)} />}
			<section className="sheet" aria-label={t('menu.status')}>
				{narrow ? (
					rows.length ? <ul className="cards">{flat(rows).map((r) => (
						<li className={isTroubled(r.link) ? 'card row-bad' : 'card'} key={r.key} style={{ paddingLeft: r.depth === 'connection' ? 12 : r.depth === 'device' ? 26 : 40 }}>
							<Link className="name" to={targetOf(r)}>{recordTitle(r.record)}</Link>
							<span className="muted small">{t(`term.${r.depth}`)}</span>
							<span>{r.link ? <LinkNote link={r.link} /> : r.record.driver === 'push' && <span className="muted">{t('connection.sent_in')}</span>}</span>
							<span className="muted small nowrap">{[r.link?.rate_hz !== undefined && `${r.link.rate_hz.toFixed(2)}${THIN}${t('unit.per_s')}`, r.link?.missed && `${t('field.missed')} ${r.link.missed}`].filter(Boolean).join(' · ')}</span>
						</li>
					))}</ul> : !pending && empty
				) : (
					<Table<Row>
						key={pending ? 'wait' : 'all'} size="small" columns={columns} dataSource={rows} pagination={false} loading={pending} scroll={{ x: 1040 }}
						expandable={{ defaultExpandAllRows: true, indentSize: 18 }} locale={{ emptyText: pending ? ' ' : empty }}
						rowClassName={(r) => (isTroubled(r.link) ? 'row-bad' : '')}
					/>
				)}
			</section>
		</>
	);
}
