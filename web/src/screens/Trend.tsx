/* Trend: several points over time, each unit on its own axis, following the present or standing still in the past. */
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { CloseOutlined, DownloadOutlined, PlayCircleOutlined, ZoomInOutlined, ZoomOutOutlined } from '@ant-design/icons';
import { keepPreviousData, useQueries, useQuery } from '@tanstack/react-query';
import { Alert, Button, DatePicker, Segmented, Select } from 'antd';
import dayjs from 'dayjs';
import { useSearchParams } from 'react-router';
import { fetchRecord, keys, querySamples, useAll, useList } from '../api/calls';
import type { Device, Point, Rec } from '../api/contract';
import { serverNow } from '../api/http';
import { live, useLive, useSubscription } from '../api/live';
import { useDebounced, useNarrow, useTitle } from '../app/hooks';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { usePrefs } from '../app/prefs';
import { QualityText } from '../lib/Quality';
import { formatCsv } from '../lib/csv';
import { download } from '../lib/download';
import { formatDateTime, formatValue, withUnit } from '../lib/format';
import { recordTitle } from '../lib/records';
import { COLORS, Plot, zoomed, type PlotPoint, type Window } from '../trend/Plot';
import { append, buckets, fromBuckets, fromRaw, RAW_LIMIT, RAW_WINDOW_S, stepFor, valueAt, type Line } from '../trend/data';

const RANGES: [string, number][] = [['15m', 900], ['1h', 3600], ['8h', 8 * 3600], ['24h', 86400], ['7d', 7 * 86400], ['30d', 30 * 86400]];
const POINTS_MAX = 12;
const NONE: Line[] = [];

export function Trend() {
	const { t, lang } = useText();
	const narrow = useNarrow();
	const prefs = usePrefs();
	const [search, setSearch] = useSearchParams();
	const ids = useMemo(() => (search.get('p') ?? prefs.trendPoints.join(',')).split(',').filter(Boolean).slice(0, POINTS_MAX), [search, prefs.trendPoints]);
	const range = search.get('range') ?? '15m';
	const rangeS = RANGES.find(([k]) => k === range)?.[1] ?? 900;
	const fixed = search.get('from') && search.get('to') ? { from: Number(search.get('from')), to: Number(search.get('to')) } : null;
	const [window_, setWindow] = useState<Window>(() => fixed ?? { from: serverNow() / 1000 - rangeS, to: serverNow() / 1000 });
	const [follow, setFollow] = useState(!fixed);
	const [cursor, setCursor] = useState<number | null>(null);
	useTitle(t('menu.trend'), t('product'));

	const put = useCallback((p: Record<string, string | undefined>) => setSearch((s) => {
		for (const [k, v] of Object.entries(p)) if (v) s.set(k, v); else s.delete(k);
		return s;
	}, { replace: true }), [setSearch]);
	const setIds = (next: string[]): void => {
		prefs.set({ trendPoints: next });
		put({ p: next.join(',') || undefined });
	};

	/* Following: the window's end is the present. */
	useEffect(() => {
		if (!follow) return;
		const step = (): void => setWindow((w) => ({ from: serverNow() / 1000 - (w.to - w.from), to: serverNow() / 1000 }));
		step();
		const timer = setInterval(step, 1000);
		return () => clearInterval(timer);
	}, [follow]);
	const choose = (key: string): void => {
		const s = RANGES.find(([k]) => k === key)![1];
		setWindow({ from: serverNow() / 1000 - s, to: serverNow() / 1000 });
		setFollow(true);
		put({ range: key, from: undefined, to: undefined });
	};
	const move = useCallback((w: Window) => {
		setFollow(false);
		setWindow(w);
	}, []);
	const settled = useDebounced(follow ? null : window_, 400);
	useEffect(() => {
		if (settled) put({ from: settled.from.toFixed(3), to: settled.to.toFixed(3) });
	}, [settled, put]);

	const records = useQueries({ queries: ids.map((id) => ({ queryKey: [...keys.noun('points'), 'name', id], queryFn: () => fetchRecord('points', id).then((a) => a.record as unknown as Point), staleTime: 60e3 })) });
	const devices = useAll<Device>('devices');
	const found = records.map((r) => r.data).filter((r): r is Point => Boolean(r));
	const foundKey = found.map((p) => `${p.id}:${p.rev}`).join(' ');
	const points = useMemo(() => found.map((p, i): PlotPoint => ({
		id: p.id, name: p.name || p.code, unit: p.unit || undefined, color: COLORS[i % COLORS.length]!,
		step: p.type === 'bool' || p.between !== 'linear', whole: p.type === 'bool' || Boolean(p.state_texts && Object.keys(p.state_texts).length),
	})), [foundKey]); // eslint-disable-line react-hooks/exhaustive-deps
	const data = useLines(ids, window_, follow);

	const zoom = (f: number): void => move(zoomed(window_, f, (window_.from + window_.to) / 2));
	const save = (): void => {
		const rows = found.flatMap((p) => {
			const l = data.lines.get(p.id);
			return l ? l.x.map((x, i) => [formatDateTime(x * 1000, true), p.code, p.name ?? '', l.y[i] === null || l.y[i] === undefined ? '' : String(l.y[i]), p.unit ?? '']) : [];
		});
		download(`trend-${formatDateTime(window_.from * 1000).replace(/[: ]/g, '-')}.csv`, formatCsv([[t('field.time'), t('field.code'), t('field.name'), t('field.value'), t('field.unit')], ...rows]));
	};
	return (
		<>
			<div className="page-head">
				<h1>{t('menu.trend')}</h1>
				<PointPicker ids={ids} onChange={setIds} devices={devices.data?.items ?? []} known={found} />
			</div>
			<section className="sheet trend" aria-label={t('menu.trend')}>
				<div className="bar">
					{narrow
						? <Select size="small" value={follow || !fixed ? range : undefined} onChange={choose} options={RANGES.map(([k]) => ({ value: k, label: t(`range.${k}`) }))} aria-label={t('trend.range')} />
						: <Segmented size="small" aria-label={t('trend.range')} value={follow ? range : ''} onChange={choose} options={RANGES.map(([k]) => ({ value: k, label: t(`range.${k}`) }))} />}
					{!narrow && (
						<DatePicker.RangePicker
							size="small" showTime={{ format: 'HH:mm' }} format="MM-DD HH:mm" style={{ width: 250 }} allowClear={false} value={[dayjs(window_.from * 1000), dayjs(window_.to * 1000)]}
							onChange={(v) => { if (v?.[0] && v[1]) move({ from: v[0].valueOf() / 1000, to: v[1].valueOf() / 1000 }); }}
						/>
					)}
					<span className="grow" />
					<Button size="small" icon={<ZoomInOutlined />} aria-label={t('trend.zoom_in')} onClick={() => zoom(0.5)} />
					<Button size="small" icon={<ZoomOutOutlined />} aria-label={t('trend.zoom_out')} onClick={() => zoom(2)} />
					<Button size="small" type={follow ? 'default' : 'primary'} disabled={follow} icon={<PlayCircleOutlined />} onClick={() => choose(range)}>{t(follow ? 'trend.following' : 'trend.to_now')}</Button>
					<Button size="small" icon={<DownloadOutlined />} disabled={!found.length} aria-label={t('trend.save')} title={t('trend.save')} onClick={save} />
				</div>
				{data.error !== null && <Alert type="error" banner title={problemText(data.error, t)} />}
				{!ids.length ? (
					<div className="empty"><h2>{t('trend.empty')}</h2><p>{t('trend.empty_text')}</p></div>
				) : (
					<div style={{ position: 'relative', flex: 1, minHeight: 240, display: 'flex' }}>
						<Plot points={points} lines={data.lines} version={data.version} window={window_} onWindow={move} onCursor={setCursor} lang={lang} label={t('trend.plot_label')} />
						{data.busy && <span className="trend-busy" role="status">{t('trend.loading')}</span>}
						<BadTip cursor={cursor} points={points} lines={data.lines} />
					</div>
				)}
				{found.length > 0 && <Legend points={points} records={found} lines={data.lines} cursor={cursor} window={window_} onRemove={(id) => setIds(ids.filter((x) => x !== id))} />}
			</section>
		</>
	);
}

function PointPicker({ ids, onChange, devices, known }: { ids: string[]; onChange: (ids: string[]) => void; devices: Device[]; known: Point[] }) {
	const { t } = useText();
	const [typed, setTyped] = useState('');
	const q = useDebounced(typed);
	const list = useList<Point>('points', { q: q || undefined, limit: 50 });
	const names = new Map(devices.map((d) => [d.id, d.name || d.code]));
	const options = [...(list.data?.items ?? []), ...known.filter((k) => !list.data?.items.some((p) => p.id === k.id))]
		.map((p) => ({ value: p.id, label: recordTitle(p as unknown as Rec), note: [names.get(p.device), p.unit].filter(Boolean).join(' · ') }));
	return (
		<Select
			mode="multiple" style={{ minWidth: 220, maxWidth: 620, flex: '1 1 320px' }} placeholder={t('trend.add_points')} aria-label={t('trend.add_points')} value={ids.filter((id) => options.some((o) => o.value === id))}
			onChange={onChange} searchValue={typed} onSearch={setTyped} showSearch filterOption={false} loading={list.isFetching} maxCount={POINTS_MAX} maxTagCount="responsive"
			options={options} optionRender={(o) => <span className="row" style={{ justifyContent: 'space-between' }}><span>{o.label}</span><span className="muted small">{o.data.note}</span></span>}
		/>
	);
}

/**
 * The lines for a window. Asked for again when the window leaves what was fetched or its grain no longer fits; while following,
 * live values are put at the end of what is there.
 */
function useLines(ids: string[], w: Window, follow: boolean): { lines: Map<string, Line>; version: number; busy: boolean; error: unknown } {
	const width = Math.max(400, typeof innerWidth === 'number' ? innerWidth - 260 : 1000);
	const span = w.to - w.from;
	const raw = span <= RAW_WINDOW_S;
	const step = raw ? 0 : stepFor(span, width);
	/* Ask for a window a half wider on either side, on a grid: small moves need nothing new. */
	const grid = Math.max(span / 2, step * 8, 1);
	const from = Math.floor((w.from - span * 0.25) / grid) * grid;
	const to = follow ? Math.ceil(w.to / grid) * grid : Math.ceil((w.to + span * 0.25) / grid) * grid;
	const wanted = useDebounced(JSON.stringify({ ids, from, to, step }), 150);
	const [version, bump] = useState(0);

	const answer = useQuery({
		queryKey: ['samples', wanted], enabled: ids.length > 0, placeholderData: keepPreviousData, staleTime: follow ? 30e3 : 5 * 60e3, gcTime: 60e3,
		queryFn: async ({ signal }) => {
			const q = JSON.parse(wanted) as { ids: string[]; from: number; to: number; step: number };
			const body = { points: q.ids, from: new Date(q.from * 1000).toISOString(), to: new Date(q.to * 1000).toISOString() };
			let grain = q.step;
			if (!grain) {
				const { series, truncated } = await querySamples({ ...body, limit: RAW_LIMIT * q.ids.length }, signal);
				const end = Math.min(q.to, serverNow() / 1000);
				if (!truncated) return series.map((s) => fromRaw(s, end));
				grain = 1;
			}
			const { series } = await querySamples({ ...body, step: `${grain}s`, aggregates: ['min', 'max'], limit: RAW_LIMIT * q.ids.length }, signal);
			return series.map((s) => fromBuckets(buckets(s), grain));
		},
	});
	const got = answer.data ?? NONE;
	const lines = useMemo(() => new Map(got.map((l) => [l.point, l])), [got]);
	const current = useRef({ lines, keep: w.from });
	current.current = { lines, keep: w.from - span };

	useSubscription(ids, 5);
	useEffect(() => {
		let dirty = false;
		const off = live.tap((point, v) => {
			const line = current.current.lines.get(point);
			if (line) {
				append(line, v.t, v.v, v.q, current.current.keep);
				dirty = true;
			}
		});
		const timer = setInterval(() => {
			if (dirty) {
				dirty = false;
				bump((n) => n + 1);
			}
		}, 250);
		return () => {
			off();
			clearInterval(timer);
		};
	}, []);
	return { lines, version, busy: answer.isFetching && !(follow && answer.data), error: answer.error };
}

/** Over a bad span: why. */
function BadTip({ cursor, points, lines }: { cursor: number | null; points: PlotPoint[]; lines: Map<string, Line> }) {
	if (cursor === null) return null;
	const bad = points.flatMap((p) => {
		const s = lines.get(p.id)?.spans.find((x) => cursor >= x.from && cursor <= x.to);
		return s ? [{ p, s }] : [];
	});
	if (!bad.length) return null;
	return (
		<div className="trend-tip" style={{ left: 70, top: 16 }}>
			{bad.map(({ p, s }) => <div key={p.id}>{p.name}: <QualityText q={s.q} /> <span className="muted">{formatDateTime(s.from * 1000)}–</span></div>)}
		</div>
	);
}

interface LegendProps {
	points: PlotPoint[];
	records: Point[];
	lines: Map<string, Line>;
	cursor: number | null;
	window: Window;
	onRemove: (id: string) => void;
}

function Legend({ points, records, lines, cursor, window: w, onRemove }: LegendProps) {
	const { t } = useText();
	return (
		<div className="trend-legend">
			<table>
				<thead><tr>
					<th>{t('term.point')}</th>
					<th className="num col-value">{t('field.live')}</th>
					<th className="num col-value">{cursor === null ? t('trend.at_cursor') : formatDateTime(cursor * 1000, w.to - w.from < 120)}</th>
					<th className="num hide-narrow col-value">{t('trend.lowest')}</th>
					<th className="num hide-narrow col-value">{t('trend.highest')}</th>
					<th><span className="visually-hidden">{t('action.remove')}</span></th>
				</tr></thead>
				<tbody>{points.map((p) => {
					const record = records.find((r) => r.id === p.id);
					return record ? <LegendRow key={p.id} p={p} record={record} line={lines.get(p.id)} cursor={cursor} window={w} onRemove={onRemove} /> : null;
				})}</tbody>
			</table>
		</div>
	);
}

function LegendRow({ p, record, line, cursor, window: w, onRemove }: { p: PlotPoint; record: Point; line?: Line; cursor: number | null; window: Window; onRemove: (id: string) => void }) {
	const { t } = useText();
	const now = useLive(p.id);
	const format = { decimals: record.decimals ?? undefined, type: record.type, states: record.state_texts ?? undefined };
	const show = (v: number | null | undefined): string => (v === null || v === undefined ? '–' : withUnit(formatValue(v, format), p.unit));
	const at = cursor !== null && line ? valueAt(line, cursor) : null;
	let lo = Infinity;
	let hi = -Infinity;
	line?.x.forEach((x, i) => {
		const y = line.y[i];
		if (x >= w.from && x <= w.to && typeof y === 'number') {
			lo = Math.min(lo, y);
			hi = Math.max(hi, y);
		}
	});
	const isBad = now !== undefined && now.q >>> 30 >= 2;
	return (
		<tr>
			<td><span className="swatch" style={{ borderColor: p.color }} />{p.name} <span className="muted small">{record.name ? record.code : ''}</span></td>
			<td className="num">{now ? (isBad ? <QualityText q={now.q} /> : <span className="v">{withUnit(formatValue(now.v, format), p.unit)}</span>) : '–'}</td>
			<td className="num">{at ? (at.q ? <QualityText q={at.q} /> : show(at.value)) : ''}</td>
			<td className="num hide-narrow">{show(lo === Infinity ? null : lo)}</td>
			<td className="num hide-narrow">{show(hi === -Infinity ? null : hi)}</td>
			<td className="num"><Button type="text" size="small" icon={<CloseOutlined />} aria-label={t('trend.remove', { name: p.name })} onClick={() => onRemove(p.id)} /></td>
		</tr>
	);
}
