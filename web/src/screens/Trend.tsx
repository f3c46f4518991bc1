/* Trend: several points over time, on as many axes as are wanted, following the present or standing still in the past. */
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useQueries } from '@tanstack/react-query';
import { Alert, Select } from 'antd';
import { useSearchParams } from 'react-router';
import { fetchRecord, keys, queryBook, useAll, useList } from '../api/calls';
import type { Device, Group, Point, Rec } from '../api/contract';
import { serverNow } from '../api/http';
import { useDark } from '../app/appearance';
import { useDebounced, useTitle } from '../app/hooks';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { usePrefs } from '../app/prefs';
import { QualityText } from '../lib/Quality';
import { download, downloadBlob } from '../lib/download';
import { formatDateTime } from '../lib/format';
import { recordTitle } from '../lib/records';
import { Amend } from '../trend/Amend';
import { planAxes } from '../trend/axes';
import { linesOf } from '../trend/colors';
import type { Line } from '../trend/data';
import { bookOf, csvOf, pictureOf, savePicture } from '../trend/export';
import { Legend } from '../trend/Legend';
import { Plot, type Marks, type PlotPoint } from '../trend/Plot';
import { Saved } from '../trend/Saved';
import { GroupLegend } from '../trend/GroupLegend';
import { fromRecord, GROUPED_MAX, POINTS_MAX, readAddress, writeAddress, type TrendRecord, type TrendState } from '../trend/state';
import { Toolbar, type FileKind } from '../trend/Toolbar';
import { asksAny, groupId, isGrouped, useGroupNames, useGroups } from '../trend/useGroups';
import { useBetween, useLines, type Asked } from '../trend/useLines';
import { zoomed, type Window } from '../trend/window';

const EARLIER = '@earlier';

/** What is shown, kept in the address. A saved trend named there alone is fetched first. */
function useTrend(): [TrendState, (next: Partial<TrendState>) => void] {
	const prefs = usePrefs();
	const [search, setSearch] = useSearchParams();
	const [state, setState] = useState(() => readAddress(search, search.get('t') ? [] : prefs.trendPoints));
	const put = useCallback((next: Partial<TrendState>) => setState((s) => ({ ...s, ...next })), []);
	const wanted = search.get('t') && !search.get('p') && !search.get('labels') ? search.get('t') : null;
	useEffect(() => {
		if (wanted) void fetchRecord('trends', wanted).then((a) => put(fromRecord(a.record as unknown as TrendRecord)), () => undefined);
	}, [wanted, put]);
	const settled = useDebounced(state, 400);
	const { set } = prefs;
	useEffect(() => {
		if (wanted && !asksAny(settled)) return;
		set({ trendPoints: settled.ids });
		setSearch((s) => {
			for (const [k, v] of Object.entries(writeAddress(settled))) if (v) s.set(k, v); else s.delete(k);
			return s;
		}, { replace: true });
	}, [settled, setSearch, set, wanted]);
	return [state, put];
}

/** The window: as it stands, or its end is the present. */
function useWindow(s: TrendState): Window {
	const [now, setNow] = useState(() => serverNow() / 1000);
	useEffect(() => {
		if (s.fixed) return;
		const step = (): void => setNow(serverNow() / 1000);
		step();
		const timer = setInterval(step, s.length > 86400 ? 5000 : 1000);
		return () => clearInterval(timer);
	}, [s.fixed, s.length]);
	return useMemo(() => s.fixed ?? { from: now - s.length, to: now }, [s.fixed, s.length, now]);
}

const isState = (p: Point): boolean => p.type === 'bool' || Boolean(p.state_texts && Object.keys(p.state_texts).length);

export function Trend() {
	const { t } = useText();
	const isDark = useDark();
	const [state, put] = useTrend();
	const w = useWindow(state);
	const [marks, setMarks] = useState<Marks>([null, null]);
	const [cursor, setCursor] = useState<number | null>(null);
	const canvas = useRef<HTMLCanvasElement | null>(null);
	useTitle(t('menu.trend'), t('product'));

	const records = useQueries({ queries: state.ids.map((id) => ({ queryKey: [...keys.noun('points'), 'name', id], queryFn: () => fetchRecord('points', id).then((a) => a.record as unknown as Point), staleTime: 60e3, retry: false })) });
	const devices = useAll<Device>('devices');
	const groups = useAll<Group>('groups');
	const connections = useAll<Rec>('connections');
	const pending = records.some((r) => r.isPending) || groups.isPending;
	const found = records.map((r) => r.data).filter((r): r is Point => Boolean(r));
	const foundKey = found.map((p) => `${p.id}:${p.rev}`).join(' ');
	const colors = linesOf(isDark);

	const points = useMemo(() => found.map((p): PlotPoint => ({
		id: p.id, name: p.name || p.code, unit: p.unit || undefined, color: colors[state.ids.indexOf(p.id) % colors.length]!, step: p.between !== 'linear', isState: isState(p),
		stateText: (v) => p.state_texts?.[String(v)] ?? p.state_texts?.[v ? 'true' : 'false'] ?? String(v),
		limits: (['hh', 'h', 'l', 'll'] as const).flatMap((k): [string, number][] => (typeof p[`limit_${k}`] === 'number' ? [[k.toUpperCase(), p[`limit_${k}`] as number]] : [])),
	})), [foundKey, colors]); // eslint-disable-line react-hooks/exhaustive-deps
	const asked = useMemo(() => {
		const pushed = new Set(connections.data?.items.filter((c) => c.driver === 'push').map((c) => c.id));
		return pending ? [] : found.map((p): Asked => {
			const period = groups.data?.items.find((g) => g.id === p.group)?.period_ms;
			const device = devices.data?.items.find((d) => d.id === p.device);
			const isPushed = device !== undefined && pushed.has(device.connection);
			return { id: p.id, isState: isState(p), shape: { held: p.between !== 'linear', period: period && !isPushed ? period / 1000 : undefined } };
		});
	}, [foundKey, pending, groups.data, devices.data, connections.data]); // eslint-disable-line react-hooks/exhaustive-deps

	const grouped = isGrouped(state);
	const data = useLines(grouped ? [] : asked, w, !state.fixed);
	const earlier = useLines(state.shift && !grouped ? asked : [], w, false, state.shift);
	const between = useBetween(grouped ? [] : asked.map((a) => a.id), marks[0], marks[1]);
	const groupsNow = useGroups(state, w, !state.fixed);
	const groupsThen = useGroups(state, w, false, state.shift, state.shift > 0);
	const groupName = useGroupNames(state.group);
	const groupKey = groupsNow.groups.map((g) => `${g.name} ${g.unit ?? ''} ${groupName(g.name)}`).join('\n');
	const groupPoints = useMemo(() => groupsNow.groups.map((g, i): PlotPoint => ({
		id: groupId(g.name), name: groupName(g.name), unit: state.across === 'count' ? undefined : g.unit, color: colors[i % colors.length]!, step: false, isState: false,
	})), [groupKey, state.across, colors]); // eslint-disable-line react-hooks/exhaustive-deps
	const shown = useMemo(() => {
		const seen = (grouped ? groupPoints : points).filter((p) => !state.hidden.includes(p.id));
		return state.shift ? [...seen, ...seen.map((p) => ({ ...p, id: p.id + EARLIER, name: `${p.name} · ${t('trend.earlier')}`, faint: true, limits: undefined }))] : seen;
	}, [points, grouped, groupPoints, state.hidden, state.shift, t]);
	const lines = useMemo(() => {
		const all = new Map<string, Line>(grouped ? groupsNow.groups.map((g) => [groupId(g.name), g.line]) : data.lines);
		if (state.shift) for (const [id, l] of grouped ? groupsThen.groups.map((g): [string, Line] => [groupId(g.name), g.line]) : earlier.lines) all.set(id + EARLIER, l);
		return all;
	}, [data.lines, earlier.lines, grouped, groupsNow.groups, groupsThen.groups, state.shift]);
	const axes = useMemo(() => {
		const chosen = Object.fromEntries(shown.map((p) => [p.id, state.axes[p.id.replace(EARLIER, '')] ?? '']));
		return planAxes(shown.filter((p) => !p.isState), chosen, state.ranges);
	}, [shown, state.axes, state.ranges]);

	const move = useCallback((next: Window) => put({ fixed: next, length: next.to - next.from }), [put]);
	const [failed, setFailed] = useState<unknown>(null);
	const file = (kind: FileKind): void => {
		const name = `${t('menu.trend')}-${formatDateTime(w.from * 1000).replace(/[: ]/g, '-')}`;
		if (kind === 'csv') download(`${name}.csv`, csvOf(shown, lines, w, { time: t('field.time'), mean: t('trend.mean'), min: t('trend.lowest'), max: t('trend.highest') }));
		else if (kind === 'xlsx') {
			setFailed(null);
			queryBook(bookOf(shown, w, data.grain, state.shift)).then((blob) => downloadBlob(`${name}.xlsx`, blob), setFailed);
		} else if (canvas.current) void savePicture(pictureOf(canvas.current, t('menu.trend'), `${formatDateTime(w.from * 1000)} – ${formatDateTime(w.to * 1000)}`, shown), `${name}.png`);
	};
	const fault = failed ?? (grouped ? groupsNow.error ?? groupsThen.error : data.error ?? earlier.error);
	const busy = grouped ? groupsNow.busy || groupsThen.busy : data.busy || earlier.busy;
	const isThere = grouped ? groupsNow.groups.length > 0 : found.length > 0;
	const hide = (id: string): void => put({ hidden: state.hidden.includes(id) ? state.hidden.filter((x) => x !== id) : [...state.hidden, id] });
	const missing = !pending && found.length < state.ids.length;
	return (
		<>
			<div className="page-head trend-head">
				<h1>{t('menu.trend')}</h1>
				<PointPicker ids={state.ids} max={grouped ? GROUPED_MAX : POINTS_MAX} onChange={(ids) => put({ ids })} devices={devices.data?.items ?? []} known={found} />
				<Saved
					state={state} colors={Object.fromEntries(state.ids.map((id, i) => [id, linesOf(false)[i % colors.length]!]))}
					onOpen={(r) => put({ fixed: undefined, ...fromRecord(r) })} onSaved={(saved) => put({ saved })}
				/>
			</div>
			<section className="sheet trend" aria-label={t('menu.trend')}>
				<Toolbar
					state={state} window={w} axes={axes} hasData={isThere} onWindow={move} onLength={(length) => put({ length, fixed: undefined })} onZoom={(f) => move(zoomed(w, f))}
					onGroup={(next) => put(next.group === 'none' ? { ...next, labels: [], ids: state.ids.slice(0, POINTS_MAX) } : next)} onShift={(shift) => put({ shift })} onRange={(axis, text) => put({ ranges: { ...state.ranges, [axis]: text } })} onFile={file}
				/>
				{fault !== null && fault !== undefined && <Alert type="error" banner title={problemText(fault, t)} />}
				{missing && <Alert type="warning" banner title={t('trend.gone', { n: state.ids.length - found.length })} />}
				{!asksAny(state) ? (
					<div className="empty"><h2>{t('trend.empty')}</h2><p>{t('trend.empty_text')}</p></div>
				) : (
					<div className="trend-stage">
						<Plot
							points={shown} axes={axes} lines={lines} version={data.version} window={w} onWindow={move} marks={marks} onMarks={setMarks} onCursor={setCursor}
							onCanvas={(c) => { canvas.current = c; }} label={t('trend.plot_label')}
						/>
						<div className="trend-print">{formatDateTime(w.from * 1000)} – {formatDateTime(w.to * 1000)}</div>
						{busy && <span className="trend-busy" role="status">{t('trend.loading')}</span>}
						<BadTip cursor={cursor} points={shown} lines={lines} />
					</div>
				)}
				{grouped && isThere && (
					<>
						<div className="trend-foot"><span>{t('trend.group_grain', { step: stepText(groupsNow.grain, t) })}</span></div>
						<GroupLegend groups={groupsNow.groups} points={groupPoints} cursor={cursor} window={w} hidden={state.hidden} onHide={hide} />
					</>
				)}
				{grouped && asksAny(state) && !isThere && !busy && !fault && <div className="trend-foot"><span>{t('trend.group_nothing')}</span></div>}
				{!grouped && found.length > 0 && (
					<>
						<div className="trend-foot">
							<span>{data.grain ? t('trend.grain', { step: stepText(data.grain, t) }) : t('trend.grain_raw')}</span>
							{marks[0] === null ? <span className="hide-narrow">{t('trend.mark_help')}</span> : <button type="button" className="link-button" onClick={() => setMarks([null, null])}>{t('trend.mark_clear')}</button>}
							{marks[0] !== null && marks[1] !== null && <Amend points={found} from={marks[0]} to={marks[1]} />}
						</div>
						<Legend
							points={points} records={found} lines={data.lines} version={data.version} cursor={cursor} marks={marks} between={between} window={w} axes={state.axes}
							axisNames={[...new Set([...points.filter((p) => !p.isState).map((p) => p.unit ?? ''), ...[1, 2, 3, 4].map((n) => t('trend.axis_n', { n }))])]} hidden={state.hidden}
							onAxis={(id, axis) => put({ axes: { ...state.axes, [id]: axis } })} onHide={hide}
							onRemove={(id) => put({ ids: state.ids.filter((x) => x !== id) })}
						/>
					</>
				)}
			</section>
		</>
	);
}

function stepText(s: number, t: ReturnType<typeof useText>['t']): string {
	const [unit, n] = s >= 86400 ? ['d', s / 86400] : s >= 3600 ? ['h', s / 3600] : s >= 60 ? ['min', s / 60] : ['s', s];
	return t(`span.${unit}`, { n });
}

function PointPicker({ ids, max, onChange, devices, known }: { ids: string[]; max: number; onChange: (ids: string[]) => void; devices: Device[]; known: Point[] }) {
	const { t } = useText();
	const [typed, setTyped] = useState('');
	const q = useDebounced(typed);
	const list = useList<Point>('points', { q: q || undefined, limit: 50 });
	const names = new Map(devices.map((d) => [d.id, d.name || d.code]));
	const options = [...(list.data?.items ?? []), ...known.filter((k) => !list.data?.items.some((p) => p.id === k.id))]
		.map((p) => ({ value: p.id, label: recordTitle(p as unknown as Rec), note: [names.get(p.device), p.unit].filter(Boolean).join(' · ') }));
	return (
		<Select
			mode="multiple" className="trend-picker" placeholder={t('trend.add_points')} aria-label={t('trend.add_points')} value={ids.filter((id) => options.some((o) => o.value === id))}
			onChange={onChange} searchValue={typed} onSearch={setTyped} showSearch filterOption={false} loading={list.isFetching} maxCount={max} maxTagCount="responsive"
			options={options} optionRender={(o) => <span className="row" style={{ justifyContent: 'space-between' }}><span>{o.label}</span><span className="muted small">{o.data.note}</span></span>}
		/>
	);
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
