/* What can be written at a place in a statement: points inside the first argument of ts(), last(), rollup(), and these functions after FROM. */

import type { SqlColumn, SqlTables } from '../api/sql';

/** The statement before the cursor ends in an open text that is an argument of one of these. */
const POINTS = /\b(?:ts|last|rollup)\s*\(\s*(?:\[\s*(?:'(?:[^']|'')*'\s*,\s*)*)?'([^']*)$/i;
const AFTER_FROM = /\b(?:from|join|,)\s+(\w*)$/i;

export interface Place {
	kind: 'point' | 'table';
	/** What is written of it. */
	word: string;
}

export function placeAt(before: string): Place | null {
	const point = POINTS.exec(before);
	if (point) return { kind: 'point', word: point[1]! };
	const table = AFTER_FROM.exec(before);
	return table ? { kind: 'table', word: table[1]! } : null;
}

/** A name as SQL writes it: in quotes when it has to be. */
export const quoted = (name: string): string => (/^[a-z_][a-z0-9_]*$/.test(name) && !RESERVED.has(name) ? name : `"${name.replaceAll('"', '""')}"`);
const RESERVED = new Set(['group', 'order', 'table', 'select', 'from', 'where', 'limit', 'user', 'all', 'end', 'default', 'check', 'references', 'column', 'desc', 'asc']);

/** Functions with the arguments to fill in; $ marks what is chosen first. */
export const SNIPPETS = [
	{ name: 'ts', text: "ts('${point}', 'now-1h', 'now')" },
	{ name: 'last', text: "last('${point}')" },
	{ name: 'rollup', text: "rollup('${point}', '${10m}', 'now-1d', 'now')" },
] as const;

/** Columns of the functions that a statement uses. */
export function columnsNamed(known: SqlTables | undefined, statement: string): SqlColumn[] {
	const of = (known?.functions ?? []).filter((f) => new RegExp(`\\b${f.name}\\s*\\(`, 'i').test(statement)).flatMap((f) => f.columns);
	return of.filter((c, i) => of.findIndex((d) => d.name === c.name) === i);
}

export const KEYWORDS = 'all and any as asc asof between by case cast cross current day desc distinct else end except exclude exists explain false fetch filter first for from full group grouping having hour ilike in inner intersect interval is isnull join last lateral left like limit minute month natural not notnull null nulls offset on or order outer over partition pivot preceding positional qualify range recursive replace respect ignore right row rows sample second select semi anti sets similar some tablesample then to true unbounded following union unpivot using values week when where window with within year';
export const FUNCTIONS = 'abs any_value approx_quantile arg_max arg_min avg ceil coalesce concat corr count date_diff date_part date_trunc dense_rank epoch epoch_ms exp extract floor first_value format greatest histogram isnan json_extract json_extract_string lag last_value lead least length ln log lower lpad ltrim max mean median min mode now ntile nullif percent_rank pow quantile_cont range rank regexp_extract regexp_matches regexp_replace replace round row_number rtrim sign split_part sqrt starts_with stddev strftime string_agg strptime substr sum time_bucket to_timestamp trim trunc unnest upper var_samp';
export const TYPES = 'bigint boolean date decimal double float hugeint integer json smallint time timestamp timestamptz tinyint ubigint uinteger uuid varchar';

/** To begin with. `path`: a point that there is. */
export function examples(path: string): { key: 'newest' | 'hourly' | 'mean' | 'counts'; sql: string }[] {
	const p = path.replaceAll("'", "''");
	const below = p.includes('/') ? `${p.slice(0, p.lastIndexOf('/'))}/*` : '*';
	return [
		{ key: 'newest', sql: `SELECT * FROM last('*')\nORDER BY time DESC\nLIMIT 100` },
		{ key: 'hourly', sql: `SELECT time, point, min, avg, max\nFROM rollup('${p}', '1h', 'now-1d', 'now')\nORDER BY time` },
		{ key: 'mean', sql: `SELECT time_bucket(INTERVAL 10 minute, time) AS time, point, avg(value) AS mean\nFROM ts('${below}', 'now-6h', 'now')\nGROUP BY ALL\nORDER BY time` },
		{ key: 'counts', sql: `SELECT d.name AS device, count(*) AS points\nFROM points p JOIN devices d ON p.device = d.id\nGROUP BY ALL\nORDER BY points DESC` },
	];
}
