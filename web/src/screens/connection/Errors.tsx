/* What went wrong since the start, by kind: each kind with the sentence that says what it means and where to look. */
import type { LinkRow } from '../../api/contract';
import { useText } from '../../app/lang';
import { formatCount } from '../../lib/format';
import { recordTitle } from '../../lib/records';
import type { SlotProps } from './slots';

const KINDS = ['timeouts', 'refused', 'wrong', 'strays'] as const;

export function Errors({ connection, devices, groups, links }: SlotProps) {
	const { t } = useText();
	const own = links.get(connection.id);
	const below = devices.flatMap((d) => links.get(d.id) ?? []);
	const cycles = groups.flatMap((g) => links.get(g.id) ?? []);
	const sum = (rows: LinkRow[], kind: 'missed' | 'failed' | 'dropped'): number => rows.reduce((n, r) => n + (r[kind] ?? 0), 0);
	const worst = (kind: (typeof KINDS)[number]): string => {
		const top = below.filter((r) => (r[kind] ?? 0) > 0).sort((a, b) => b[kind]! - a[kind]!)[0];
		const device = top && devices.find((d) => d.id === top.id);
		return device && below.length > 1 ? `${recordTitle(device)}: ${formatCount(top[kind]!)}` : '';
	};
	const rows: { key: string; n: number; note: string }[] = [
		...KINDS.map((k) => ({ key: k as string, n: own?.[k] ?? 0, note: worst(k) })),
		{ key: 'missed', n: sum(cycles, 'missed'), note: '' }, { key: 'failed', n: sum(cycles, 'failed'), note: '' }, { key: 'dropped', n: sum(cycles, 'dropped'), note: '' },
	];
	return (
		<table className="plain-table">
			<thead><tr><th scope="col">{t('connection.kind')}</th><th scope="col" className="num">{t('connection.times')}</th><th scope="col">{t('connection.meaning')}</th></tr></thead>
			<tbody>{rows.map((r) => (
				<tr key={r.key}>
					<th scope="row">{t(`connection.error_${r.key}`)}</th>
					<td className={r.n > 0 ? 'num q-uncertain' : 'num muted'}>{formatCount(r.n)}</td>
					<td className="muted">{t(`connection.help_${r.key}`)}{r.note && <> · {r.note}</>}</td>
				</tr>
			))}</tbody>
		</table>
	);
}
