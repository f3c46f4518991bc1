/* Every point that is not well: what is wrong, since when, where it belongs. */
import { useState } from 'react';
import { Alert, Button, Segmented, Table, type TableColumnsType } from 'antd';
import { LineChartOutlined } from '@ant-design/icons';
import { Link, useSearchParams } from 'react-router';
import { useAll, useMay, useValues } from '../api/calls';
import type { Device, ValueRow } from '../api/contract';
import { serverNow } from '../api/http';
import { useNarrow, useTitle } from '../app/hooks';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { ageOf, formatCount, formatDateTime } from '../lib/format';
import { QualityText } from '../lib/Quality';

const STATES = ['abnormal', 'bad', 'uncertain', 'unknown', 'disabled'] as const;
const LIMIT = 1000;

export function Abnormal() {
	const { t } = useText();
	const may = useMay();
	const narrow = useNarrow();
	const [search, setSearch] = useSearchParams();
	const state = STATES.find((s) => s === search.get('state')) ?? 'abnormal';
	const values = useValues({ state, limit: LIMIT });
	const devices = useAll<Device>('devices', {}, may('link.read'));
	const [page, setPage] = useState(1);
	useTitle(t('abnormal.title'), t('product'));
	const names = new Map(devices.data?.items.map((d) => [d.id, d.name || d.code]));
	const counts = values.data?.counts;
	const n = (s: (typeof STATES)[number]): number | undefined => counts && (s === 'abnormal' ? counts.bad + counts.uncertain : counts[s]);
	const since = (v: ValueRow): string => {
		if (!v.since) return '–';
		const age = ageOf(serverNow() - v.since / 1000);
		return `${formatDateTime(v.since / 1000)} (${t(`span.${age.unit}`, { n: age.n })})`;
	};
	const columns: TableColumnsType<ValueRow> = [
		{ title: t('term.point'), key: 'point', ellipsis: true, render: (_, v) => <><Link className="beside" to={`/r/points/${v.point}`}>{v.name || v.code}</Link> <span className="muted small">{v.name ? v.code : ''}</span></> },
		{ title: t('term.device'), key: 'device', width: 200, ellipsis: true, render: (_, v) => <Link to={`/live/${v.device}`}>{names.get(v.device) ?? v.path}</Link> },
		{ title: t('abnormal.why'), key: 'why', width: 250, render: (_, v) => (v.q === undefined ? <span className="muted">{t('abnormal.never')}</span> : <QualityText q={v.q} />) },
		{ title: t('field.since'), key: 'since', width: 250, render: (_, v) => <span className="muted">{since(v)}</span> },
		{ title: '', key: 'trend', width: 48, align: 'right', render: (_, v) => <Link to={`/trend?p=${v.point}`}><Button type="text" size="small" icon={<LineChartOutlined />} aria-label={`${t('menu.trend')}: ${v.name || v.code}`} /></Link> },
	];
	const rows = values.data?.items ?? [];
	const nothing = <div className="empty empty-small">{t(state === 'abnormal' || state === 'bad' ? 'overview.no_bad' : 'list.nothing_found')}</div>;
	return (
		<>
			<div className="page-head"><h1>{t('abnormal.title')}</h1></div>
			{values.error && <Alert type="error" showIcon title={problemText(values.error, t)} />}
			<section className="sheet" aria-label={t('abnormal.title')}>
				<div className="bar">
					<Segmented
						size="small" value={state} options={STATES.map((s) => ({ value: s, label: `${t(`abnormal.${s}`)} ${n(s) === undefined ? '' : formatCount(n(s)!)}` }))}
						onChange={(s) => { setPage(1); setSearch({ state: s }, { replace: true }); }} style={{ maxWidth: '100%', overflowX: 'auto' }}
					/>
				</div>
				{values.data && values.data.count > LIMIT && <Alert banner type="info" title={t('abnormal.first', { n: formatCount(LIMIT), total: formatCount(values.data.count) })} />}
				{narrow ? (rows.length ? (
					<ul className="cards">{rows.slice(0, 200).map((v) => (
						<li className={v.state === 'bad' ? 'card row-bad' : 'card'} key={v.point}>
							<Link className="name" to={`/trend?p=${v.point}`}>{v.name || v.code}</Link>
							<span className="muted small">{names.get(v.device) ?? ''}</span>
							{v.q === undefined ? <span className="muted">{t('abnormal.never')}</span> : <QualityText q={v.q} />}
							<span className="muted small">{since(v)}</span>
						</li>
					))}</ul>
				) : nothing) : (
					<Table<ValueRow>
						size="small" rowKey="point" columns={columns} dataSource={rows} loading={values.isPending} locale={{ emptyText: nothing }} scroll={{ x: 860 }}
						pagination={rows.length > 50 ? { pageSize: 50, current: page, onChange: setPage, showSizeChanger: false } : false} rowClassName={(v) => (v.state === 'bad' ? 'row-bad' : '')}
					/>
				)}
			</section>
		</>
	);
}
