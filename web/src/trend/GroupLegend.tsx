/* Under the plot of groups: each with how many points it is of, its value at the cursor, how many of the points had one then, and what it was in the window. */
import { EyeInvisibleOutlined, EyeOutlined } from '@ant-design/icons';
import { Button } from 'antd';
import { useText } from '../app/lang';
import { formatCount, formatDateTime, formatNumber, formatTime, withUnit } from '../lib/format';
import { statsOf, valueAt } from './data';
import type { PlotPoint } from './Plot';
import { groupId, type Group } from './useGroups';
import type { Window } from './window';

interface Props {
	groups: Group[];
	points: PlotPoint[];
	cursor: number | null;
	window: Window;
	hidden: string[];
	onHide: (id: string) => void;
}

/** How many of the points had a value in the bucket of that time. */
function withAt(g: Group, x: number): number {
	const i = g.at.findIndex((t) => x >= t && x < t + g.line.grain);
	return i < 0 ? 0 : g.with[i] ?? 0;
}

export function GroupLegend({ groups, points, cursor, window: w, hidden, onHide }: Props) {
	const { t } = useText();
	const when = (s: number): string => (w.to - w.from < 86400 ? formatTime(s * 1000, w.to - w.from < 120) : formatDateTime(s * 1000).slice(5));
	return (
		<div className="trend-legend">
			<table>
				<thead><tr>
					<th>{t('trend.group')}</th>
					<th className="num">{t('term.points')}</th>
					<th className="num col-value">{cursor === null ? t('trend.at_cursor') : when(cursor)}</th>
					<th className="num">{t('trend.group_with')}</th>
					<th className="num hide-narrow col-value">{t('trend.lowest')}</th>
					<th className="num hide-narrow col-value">{t('trend.highest')}</th>
					<th className="num hide-narrow col-value">{t('trend.mean')}</th>
					<th><span className="visually-hidden">{t('list.actions')}</span></th>
				</tr></thead>
				<tbody>{groups.map((g) => {
					const id = groupId(g.name);
					const p = points.find((x) => x.id === id);
					const stats = statsOf(g.line, w.from, w.to);
					const show = (v: number | null): string => (v === null ? '–' : withUnit(formatNumber(Number(v.toPrecision(6))), g.unit));
					const isHidden = hidden.includes(id);
					const n = cursor === null ? null : withAt(g, cursor);
					return p && (
						<tr key={id} className={isHidden ? 'trend-off' : ''}>
							<td><span className="swatch" style={{ borderColor: p.color }} />{p.name}</td>
							<td className="num">{formatCount(g.points)}</td>
							<td className="num">{cursor === null ? '' : show(valueAt(g.line, cursor).value)}</td>
							<td className="num">{n === null ? '' : <span className={n < g.points ? 'warn-text' : undefined}>{`${n}/${g.points}`}</span>}</td>
							<td className="num hide-narrow">{show(stats.min)}</td>
							<td className="num hide-narrow">{show(stats.max)}</td>
							<td className="num hide-narrow">{show(stats.mean)}</td>
							<td className="num"><Button type="text" size="small" icon={isHidden ? <EyeInvisibleOutlined /> : <EyeOutlined />} aria-label={t('trend.hide', { name: p.name })} aria-pressed={isHidden} onClick={() => onHide(id)} /></td>
						</tr>
					);
				})}</tbody>
			</table>
		</div>
	);
}
