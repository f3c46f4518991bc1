/* What a statement answered: a grid of any number of rows, or lines over time. */
import { useEffect, useMemo, useRef } from 'react';
import { Table, type TableColumnsType } from 'antd';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { Cell, SqlAnswer } from '../api/sql';
import { cssColor, useDark } from '../app/appearance';
import { useSize } from '../app/hooks';
import { formatDateTime, formatNumber } from '../lib/format';
import { linesOf } from '../trend/colors';
import type { Chart } from './chart';

const GRID_HEIGHT = 420;
const NUMBER = /INT|FLOAT|DOUBLE|DECIMAL/;

function textOf(v: Cell | undefined, type: string): string {
	if (v === null || v === undefined) return '';
	if (type === 'TIMESTAMP WITH TIME ZONE' && typeof v === 'string') {
		const ms = Date.parse(v);
		return Number.isNaN(ms) ? v : formatDateTime(ms, ms % 1000 !== 0);
	}
	if (typeof v === 'number') return formatNumber(v);
	return typeof v === 'object' ? JSON.stringify(v) : String(v);
}

/** As wide as its longest text among the first rows, within bounds. */
function widthOf(a: SqlAnswer, i: number): number {
	const c = a.columns[i]!;
	let longest = c.name.length;
	for (const r of a.rows.slice(0, 100)) longest = Math.max(longest, textOf(r[i], c.type).length);
	return Math.min(360, Math.max(70, longest * 7.6 + 26));
}

interface Row {
	key: number;
	cells: Cell[];
}

export function Grid({ answer, label }: { answer: SqlAnswer; label: string }) {
	const columns = useMemo<TableColumnsType<Row>>(() => answer.columns.map((c, i) => ({
		title: <span title={c.type}>{c.name}</span>, key: i, width: widthOf(answer, i), align: NUMBER.test(c.type) ? 'right' : undefined, ellipsis: true,
		render: (_: unknown, r: Row) => {
			const text = textOf(r.cells[i], c.type);
			return r.cells[i] === null ? <span className="sql-null">NULL</span> : <span title={text.length > 30 ? text : typeof r.cells[i] === 'number' ? String(r.cells[i]) : undefined}>{text}</span>;
		},
	})), [answer]);
	const rows = useMemo(() => answer.rows.map((cells, key) => ({ key, cells })), [answer]);
	const wide = columns.reduce((n, c) => n + Number(c.width), 0);
	return (
		<div role="region" aria-label={label} tabIndex={0} className="sql-grid">
			<Table<Row> virtual size="small" columns={columns} dataSource={rows} pagination={false} scroll={{ x: Math.max(wide, 300), y: Math.min(GRID_HEIGHT, rows.length * 39 + 4) }} />
		</div>
	);
}

/** A plan is drawn with letters, so it is shown as it came. */
export const isPlan = (a: SqlAnswer): boolean => a.columns[0]?.name === 'explain_key';
export const Plan = ({ answer }: { answer: SqlAnswer }) => <pre className="sql-plan">{answer.rows.map((r) => String(r[1])).join('\n')}</pre>;

export function TimeChart({ chart, label, time }: { chart: Chart; label: string; time: string }) {
	const [ref, size] = useSize<HTMLDivElement>();
	const plot = useRef<uPlot>(null);
	const dark = useDark();
	useEffect(() => {
		const host = ref.current;
		if (!host || !size.width) return;
		const colors = linesOf(dark);
		const axis = { stroke: cssColor('--ink-2'), grid: { stroke: cssColor('--line-soft'), width: 1 }, ticks: { stroke: cssColor('--line'), width: 1 } };
		const u = new uPlot({
			width: size.width, height: 340,
			series: [{ label: time, value: (_, v) => (v === null || v === undefined ? '' : formatDateTime(v * 1000)) }, ...chart.lines.map((l, i) => ({
				label: l.name, stroke: colors[i % colors.length], width: 1.5, spanGaps: true, points: { show: chart.x.length < 120 },
			}))],
			axes: [{ ...axis, values: timeTicks }, { ...axis, size: 64 }],
			cursor: { drag: { x: true, y: false } },
			legend: { live: size.width > 600 },
		}, [chart.x, ...chart.lines.map((l) => l.y)], host);
		plot.current = u;
		return () => u.destroy();
	}, [chart, dark, size.width, time]);
	return <div ref={ref} className="sql-chart" role="img" aria-label={label} />;
}

const two = (n: number): string => String(n).padStart(2, '0');
function timeTicks(_: uPlot, splits: number[], __: number, ___: number, incr: number): string[] {
	let day = '';
	return splits.map((s) => {
		const d = new Date(s * 1000);
		const date = `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
		if (incr >= 86400) return date;
		const time = `${two(d.getHours())}:${two(d.getMinutes())}${incr < 60 ? `:${two(d.getSeconds())}` : ''}`;
		const isNew = date !== day;
		day = date;
		return isNew ? `${time}\n${date}` : time;
	});
}
