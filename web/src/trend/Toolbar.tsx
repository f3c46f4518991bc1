/* Above the plot: how long, which days, compared with what, ranges of axes, files. */
import { useState } from 'react';
import { CalendarOutlined, CaretRightOutlined, ColumnHeightOutlined, DownloadOutlined, PrinterOutlined, ZoomInOutlined, ZoomOutOutlined } from '@ant-design/icons';
import { Button, DatePicker, Dropdown, Input, Popover, Segmented, Select } from 'antd';
import dayjs from 'dayjs';
import { serverNow } from '../api/http';
import { useNarrow } from '../app/hooks';
import { useText } from '../app/lang';
import { parseRange, type AxisPlan } from './axes';
import { Grouping } from './Grouping';
import type { TrendState } from './state';
import { isGrouped } from './useGroups';
import { DAYS, daysOf, RANGES, RANGES_SHOWN, SHIFTS, type DayRange, type Window } from './window';

export type FileKind = 'png' | 'csv' | 'xlsx';

interface Props {
	state: TrendState;
	window: Window;
	axes: AxisPlan[];
	hasData: boolean;
	onLength: (s: number) => void;
	onWindow: (w: Window) => void;
	onZoom: (factor: number) => void;
	onShift: (s: number) => void;
	onGroup: (next: Partial<TrendState>) => void;
	onRange: (axis: string, text: string) => void;
	onFile: (kind: FileKind) => void;
}

export function Toolbar({ state, window: w, axes, hasData, onLength, onWindow, onZoom, onShift, onGroup, onRange, onFile }: Props) {
	const { t } = useText();
	const narrow = useNarrow();
	const range = state.fixed ? '' : RANGES.find(([, s]) => s === state.length)?.[0] ?? '';
	const choose = (key: string): void => {
		if ((DAYS as readonly string[]).includes(key)) onWindow(daysOf(key as DayRange, serverNow() / 1000));
		else onLength(RANGES.find(([k]) => k === key)![1]);
	};
	const more = [
		{ label: t('range.until_now'), options: RANGES.map(([k]) => ({ value: k, label: t(`range.${k}`) })) },
		{ label: t('range.days'), options: DAYS.map((k) => ({ value: k as string, label: t(`range.${k}`) })) },
	];
	const span = w.to - w.from;
	const shifts = [...new Set([...SHIFTS, ...(state.shift ? [state.shift] : [])])].sort((a, b) => a - b);
	const shiftText = (s: number): string => {
		const known: Record<number, string> = { 0: '0', 3600: '1h', 86400: '24h', 604800: '7d', 2419200: '28d' };
		return known[s] ? t(`shift.${known[s]}`) : t('shift.other', { s });
	};
	return (
		<div className="bar trend-bar">
			{!narrow && <><span className="muted small">{t('range.last')}</span><Segmented size="small" aria-label={t('trend.range')} value={RANGES_SHOWN.includes(range) ? range : ''} onChange={choose} options={RANGES_SHOWN.map((k) => ({ value: k, label: t(`range_short.${k}`), title: t(`range.${k}`) }))} /></>}
			<Select
				size="small" value={narrow ? range || undefined : undefined} placeholder={narrow ? t('range.chosen') : t('range.more')} onChange={choose} options={more} aria-label={t('trend.range')}
				popupMatchSelectWidth={false} style={{ minWidth: narrow ? 110 : 76 }}
			/>
			{!narrow && (
				<DatePicker.RangePicker
					size="small" showTime={{ format: 'HH:mm' }} format="MM-DD HH:mm" style={{ width: 226 }} allowClear={false} suffixIcon={<CalendarOutlined />} value={[dayjs(w.from * 1000), dayjs(w.to * 1000)]}
					onChange={(v) => { if (v?.[0] && v[1]) onWindow({ from: v[0].valueOf() / 1000, to: v[1].valueOf() / 1000 }); }}
				/>
			)}
			<Select
				size="small" value={state.shift} onChange={onShift} aria-label={t('trend.compare')} popupMatchSelectWidth={false} style={{ minWidth: 88 }}
				options={[...shifts.map((s) => ({ value: s, label: shiftText(s) })), ...(shifts.includes(Math.round(span)) ? [] : [{ value: Math.round(span), label: t('shift.window') }])]}
			/>
			<Grouping state={state} onChange={onGroup} />
			<span className="grow" />
			<Popover trigger="click" placement="bottomRight" title={t('trend.axis_ranges')} content={<Ranges axes={axes} ranges={state.ranges} onRange={onRange} />}>
				<Button size="small" icon={<ColumnHeightOutlined />} disabled={!axes.length} aria-label={t('trend.axis_ranges')} title={t('trend.axis_ranges')} />
			</Popover>
			<Button size="small" icon={<ZoomInOutlined />} aria-label={t('trend.zoom_in')} title={t('trend.zoom_in')} onClick={() => onZoom(0.5)} />
			<Button size="small" icon={<ZoomOutOutlined />} aria-label={t('trend.zoom_out')} title={t('trend.zoom_out')} onClick={() => onZoom(2)} />
			<Dropdown
				trigger={['click']} disabled={!hasData}
				menu={{ items: [
					{ key: 'png', label: t('trend.save_png'), onClick: () => onFile('png') }, { key: 'csv', label: t('trend.save'), onClick: () => onFile('csv') },
					{ key: 'xlsx', label: t('trend.save_xlsx'), disabled: isGrouped(state), onClick: () => onFile('xlsx') },
					{ key: 'print', icon: <PrinterOutlined />, label: t('trend.print'), onClick: () => window.print() },
				] }}
			>
				<Button size="small" icon={<DownloadOutlined />} aria-label={t('trend.files')} title={t('trend.files')} />
			</Dropdown>
			<Button size="small" type={state.fixed ? 'primary' : 'default'} disabled={!state.fixed} icon={<CaretRightOutlined />} onClick={() => onLength(state.length)}>{t(state.fixed ? 'trend.to_now' : 'trend.following')}</Button>
		</div>
	);
}

function Ranges({ axes, ranges, onRange }: { axes: AxisPlan[]; ranges: Record<string, string>; onRange: (axis: string, text: string) => void }) {
	const { t } = useText();
	const [typed, setTyped] = useState<Record<string, string>>({});
	return (
		<div className="trend-ranges">
			{axes.map((a) => {
				const text = typed[a.name] ?? ranges[a.name] ?? '';
				const wrong = text !== '' && !parseRange(text);
				return (
					<label key={a.name}>
						<span>{a.name || t('trend.axis_plain')}</span>
						<Input
							size="small" value={text} placeholder={t('trend.axis_auto')} status={wrong ? 'error' : undefined} allowClear
							onChange={(e) => {
								const v = e.target.value;
								setTyped((x) => ({ ...x, [a.name]: v }));
								if (v === '' || parseRange(v)) onRange(a.name, v);
							}}
						/>
					</label>
				);
			})}
			<p className="muted small">{t('trend.axis_help')}</p>
		</div>
	);
}
