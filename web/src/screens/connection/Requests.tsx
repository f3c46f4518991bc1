/* What is asked cycle by cycle: requests, registers read along, times, and the rate that comes of it. */
import { useQuery } from '@tanstack/react-query';
import { Alert } from 'antd';
import { useText } from '../../app/lang';
import { problemText } from '../../app/problems';
import { fetchPlan } from '../../field/calls';
import { formatCount } from '../../lib/format';
import { recordTitle } from '../../lib/records';
import type { SlotProps } from './slots';

const ms = (us: number): string => (us ? (us / 1000).toFixed(us < 10000 ? 1 : 0) : '–');

export function Requests({ connection, devices }: SlotProps) {
	const { t } = useText();
	const plan = useQuery({ queryKey: ['plan', connection.id], queryFn: ({ signal }) => fetchPlan(connection.id, signal), refetchInterval: 3000 });
	if (plan.error) return <Alert type="error" showIcon title={problemText(plan.error, t)} />;
	if (!plan.data) return <div className="loading" role="status" />;
	if (!plan.data.items.length) return <p className="muted sheet-pad">{t('plan.none')}</p>;
	return (
		<div className="sheet-pad">{plan.data.items.map((g) => {
			const device = devices.find((d) => d.id === g.device);
			return (
				<section key={g.group} className="gap-below" aria-label={g.code}>
					<h2>{device ? `${recordTitle(device)} / ` : ''}{g.code}</h2>
					<p>{t('plan.sentence', { points: formatCount(g.points), requests: formatCount(g.requests), ms: ms(g.p50_us) })} · {t('plan.rate', { reached: g.achieved_hz.toPrecision(3), asked: g.asked_hz.toPrecision(3) })}</p>
					<table className="plain-table">
						<thead><tr><th scope="col">{t('plan.range')}</th><th scope="col" className="num">{t('field.points')}</th><th scope="col" className="num">{t('plan.items')}</th><th scope="col" className="num">{t('plan.holes')}</th><th scope="col" className="num">{t('plan.ms')}</th></tr></thead>
						<tbody>{g.list.slice(0, 500).map((q) => (
							<tr key={q.range} className={q.failing ? 'row-bad' : ''}>
								<th scope="row" className="mono">{q.range}</th><td className="num">{q.points}</td><td className="num">{q.items}</td><td className="num">{q.holes}</td><td className="num">{ms(q.last_us)}</td>
							</tr>
						))}</tbody>
					</table>
				</section>
			);
		})}</div>
	);
}
