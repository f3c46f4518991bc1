/* Devices below a connection, with their scan groups: state, points and how many are bad, rate achieved of asked. */
import { LineChartOutlined } from '@ant-design/icons';
import { Button, Table, type TableColumnsType } from 'antd';
import { Link } from 'react-router';
import type { LinkRow, Rec } from '../../api/contract';
import { useNarrow } from '../../app/hooks';
import { useText } from '../../app/lang';
import { inSentence } from '../../form/description';
import { THIN } from '../../lib/format';
import { isTroubled } from '../../lib/links';
import { recordTitle } from '../../lib/records';
import { LinkNote } from '../Plant';
import { Count, Points, Rate, Since } from './figures';
import type { SlotProps } from './slots';

interface Row {
	key: string;
	depth: 'device' | 'group';
	record: Rec;
	link?: LinkRow;
	children?: Row[];
}

export function Devices({ devices, groups, links }: SlotProps) {
	const { t } = useText();
	const narrow = useNarrow();
	const row = (depth: Row['depth'], r: Rec, children?: Row[]): Row => ({ key: r.id, depth, record: r, link: links.get(r.id), children: children?.length ? children : undefined });
	const rows = devices.map((d) => row('device', d, groups.filter((g) => g.device === d.id).map((g) => row('group', g))));
	const to = (r: Row): string => (r.depth === 'device' ? `/live/${r.key}` : `/r/groups/${r.key}`);
	if (!rows.length) return <div className="empty"><h2>{t('list.none_yet', { what: inSentence(t('term.device')) })}</h2><p>{t('empty.devices')}</p></div>;
	if (narrow) {
		return (
			<ul className="cards">{rows.flatMap((r) => [r, ...(r.children ?? [])]).map((r) => (
				<li className={isTroubled(r.link) ? 'card row-bad' : 'card'} key={r.key} style={{ paddingLeft: r.depth === 'device' ? 12 : 28 }}>
					<Link className="name" to={to(r)}>{recordTitle(r.record)}</Link>
					<span className="small nowrap"><Points link={r.link} /></span>
					<span>{r.link && <LinkNote link={r.link} />}</span>
					<span className="small nowrap"><Rate reached={r.link?.values_reached} asked={r.link?.values_asked} /></span>
				</li>
			))}</ul>
		);
	}
	const ms = (n: number | undefined): React.ReactNode => (n === undefined ? <span className="muted">–</span> : <>{n.toFixed(1)}<span className="muted">{THIN}ms</span></>);
	const columns: TableColumnsType<Row> = [
		{ title: t('field.name'), key: 'name', ellipsis: true, render: (_, r) => <><Link className="beside" to={to(r)}>{recordTitle(r.record)}</Link> <span className="muted small">{t(`term.${r.depth}`)}</span></> },
		{ title: t('field.state'), key: 'state', width: 250, ellipsis: true, render: (_, r) => (r.link ? <LinkNote link={r.link} /> : <span className="muted">–</span>) },
		{ title: t('field.since'), key: 'since', width: 96, render: (_, r) => <Since link={r.link} /> },
		{ title: t('field.points'), key: 'points', align: 'right', width: 110, render: (_, r) => <Points link={r.link} /> },
		{ title: t('connection.rate'), key: 'rate', align: 'right', width: 150, render: (_, r) => <Rate reached={r.link?.values_reached} asked={r.link?.values_asked} /> },
		{ title: t('field.cycle'), key: 'cycle', align: 'right', width: 100, render: (_, r) => ms(r.link?.cycle_ms) },
		{ title: t('field.missed'), key: 'missed', align: 'right', width: 90, render: (_, r) => <Count n={r.link?.missed} warn /> },
		{
			title: '', key: 'go', width: 48, align: 'right',
			render: (_, r) => r.depth === 'device' && <Link to={`/live/${r.key}`}><Button type="text" size="small" icon={<LineChartOutlined />} aria-label={`${t('menu.live')}: ${recordTitle(r.record)}`} /></Link>,
		},
	];
	return (
		<Table<Row>
			size="small" columns={columns} dataSource={rows} pagination={false} scroll={{ x: 960 }} expandable={{ defaultExpandAllRows: true, indentSize: 18 }}
			rowClassName={(r) => (isTroubled(r.link) ? 'row-bad' : '')}
		/>
	);
}
