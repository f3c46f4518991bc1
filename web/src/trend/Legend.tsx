/* Under the plot: each point with its live value, its values at the marks, what lies between them, and its axis. */
import { memo } from 'react';
import { CloseOutlined, EyeInvisibleOutlined, EyeOutlined } from '@ant-design/icons';
import { Button, Select } from 'antd';
import type { Point } from '../api/contract';
import { useLive } from '../api/live';
import { useText } from '../app/lang';
import { QualityText } from '../lib/Quality';
import { formatDateTime, formatNumber, formatTime, formatValue, withUnit } from '../lib/format';
import { statsOf, valueAt, type Line } from './data';
import type { Marks, PlotPoint } from './Plot';
import type { Between } from './useLines';
import type { Window } from './window';

interface Props {
	points: PlotPoint[];
	records: Point[];
	lines: Map<string, Line>;
	/** Grows when lines were changed in place. */
	version: number;
	cursor: number | null;
	marks: Marks;
	between?: Map<string, Between>;
	window: Window;
	axes: Record<string, string>;
	axisNames: string[];
	hidden: string[];
	onAxis: (id: string, axis: string) => void;
	onHide: (id: string) => void;
	onRemove: (id: string) => void;
}

export function Legend(props: Props) {
	const { points, records, cursor, marks, window: w } = props;
	const { t } = useText();
	const close = w.to - w.from < 120;
	const when = (s: number): string => (w.to - w.from < 86400 ? formatTime(s * 1000, close) : formatDateTime(s * 1000).slice(5));
	const [a, b] = marks;
	const both = a !== null && b !== null;
	return (
		<div className="trend-legend">
			<table>
				<thead><tr>
					<th>{t('term.point')}</th>
					<th className="hide-narrow">{t('trend.axis')}</th>
					<th className="num col-value">{t('field.live')}</th>
					<th className="num col-value">{a !== null ? <>A <span className="muted">{when(a)}</span></> : cursor === null ? t('trend.at_cursor') : when(cursor)}</th>
					{b !== null && <th className="num col-value">B <span className="muted">{when(b)}</span></th>}
					{both && <th className="num col-value">B − A <span className="muted">{spanText(b - a, t)}</span></th>}
					<th className="num hide-narrow col-value">{t('trend.lowest')}</th>
					<th className="num hide-narrow col-value">{t('trend.highest')}</th>
					<th className="num hide-narrow col-value">{t('trend.mean')}</th>
					<th><span className="visually-hidden">{t('list.actions')}</span></th>
				</tr></thead>
				<tbody>{points.map((p) => {
					const record = records.find((r) => r.id === p.id);
					return record ? <Row key={p.id} {...props} p={p} record={record} line={props.lines.get(p.id)} /> : null;
				})}</tbody>
			</table>
		</div>
	);
}

function spanText(s: number, t: ReturnType<typeof useText>['t']): string {
	const abs = Math.abs(s);
	const sign = s < 0 ? '−' : '';
	if (abs < 60) return `${sign}${t('span.s', { n: Number(abs.toPrecision(3)) })}`;
	const text = [Math.floor(abs / 3600), Math.floor((abs % 3600) / 60), Math.round(abs % 60)].map((n) => String(n).padStart(2, '0')).join(':');
	return `${sign}${text}`;
}

const Row = memo(function Row({ p, record, line, cursor, marks, between, window: w, axes, axisNames, hidden, onAxis, onHide, onRemove }: Props & { p: PlotPoint; record: Point; line?: Line }) {
	const { t } = useText();
	const now = useLive(p.id);
	const format = { decimals: record.decimals ?? undefined, type: record.type, states: record.state_texts ?? undefined };
	const show = (v: number | null | undefined): string => (v === null || v === undefined ? '–' : withUnit(formatValue(v, format), p.unit));
	const [a, b] = marks;
	const cell = (x: number | null): React.ReactNode => {
		if (x === null || !line) return '';
		const at = valueAt(line, x);
		return at.q ? <QualityText q={at.q} /> : show(at.value);
	};
	const delta = (): string => {
		if (a === null || b === null || !line || p.isState) return '–';
		const va = valueAt(line, a).value;
		const vb = valueAt(line, b).value;
		if (va === null || vb === null) return '–';
		const text = format.decimals === undefined ? formatNumber(Number((vb - va).toPrecision(7))) : (vb - va).toFixed(format.decimals);
		return withUnit(vb > va ? `+${text}` : text, p.unit);
	};
	const stats = p.isState || !line ? undefined : a !== null && b !== null ? between?.get(p.id) : statsOf(line, w.from, w.to);
	const mean = stats?.mean === undefined || stats.mean === null ? '–' : withUnit(format.decimals === undefined ? formatNumber(Number(stats.mean.toPrecision(6))) : stats.mean.toFixed(Math.max(format.decimals, 2)), p.unit);
	const isBad = now !== undefined && now.q >>> 30 >= 2;
	const isHidden = hidden.includes(p.id);
	return (
		<tr className={isHidden ? 'trend-off' : ''}>
			<td><span className={p.isState ? 'swatch swatch-state' : 'swatch'} style={{ borderColor: p.color }} />{p.name} <span className="muted small">{record.name ? record.code : ''}</span></td>
			<td className="hide-narrow">
				{p.isState ? <span className="muted">–</span> : (
					<Select
						size="small" variant="borderless" className="trend-axis" value={axes[p.id] ?? ''} onChange={(x) => onAxis(p.id, x)} aria-label={t('trend.axis_of', { name: p.name })} popupMatchSelectWidth={false}
						options={[{ value: '', label: p.unit || t('trend.axis_own') }, ...axisNames.filter((n) => n && n !== p.unit).map((n) => ({ value: n, label: n }))]}
					/>
				)}
			</td>
			<td className="num">{now ? (isBad ? <QualityText q={now.q} /> : <span className="v">{withUnit(formatValue(now.v, format), p.unit)}</span>) : '–'}</td>
			<td className="num">{cell(a ?? cursor)}</td>
			{b !== null && <td className="num">{cell(b)}</td>}
			{a !== null && b !== null && <td className="num">{delta()}</td>}
			<td className="num hide-narrow">{show(stats?.min)}</td>
			<td className="num hide-narrow">{show(stats?.max)}</td>
			<td className="num hide-narrow">{mean}</td>
			<td className="num nowrap">
				<Button type="text" size="small" icon={isHidden ? <EyeInvisibleOutlined /> : <EyeOutlined />} aria-label={t('trend.hide', { name: p.name })} aria-pressed={isHidden} onClick={() => onHide(p.id)} />
				<Button type="text" size="small" icon={<CloseOutlined />} aria-label={t('trend.remove', { name: p.name })} onClick={() => onRemove(p.id)} />
			</td>
		</tr>
	);
});
