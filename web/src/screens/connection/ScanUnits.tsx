/* Who is on the bus, or behind the gateway: one unit after the other, between the questions of what runs. */
import { useEffect, useState } from 'react';
import { Alert, Button, InputNumber, Progress } from 'antd';
import { Link } from 'react-router';
import { useText } from '../../app/lang';
import { problemText } from '../../app/problems';
import { cancelScan, fetchScan, startScan, type Scan } from '../../field/calls';
import type { SlotProps } from './slots';

const isOver = (s: Scan): boolean => s.state !== 'queued' && s.state !== 'running';

export function ScanUnits({ connection }: SlotProps) {
	const { t, lang } = useText();
	const [from, setFrom] = useState(1);
	const [to, setTo] = useState(247);
	const [job, setJob] = useState<Scan | null>(null);
	const [error, setError] = useState('');
	useEffect(() => {
		if (!job || isOver(job)) return;
		const timer = setTimeout(() => fetchScan(job.id).then(setJob).catch((e: unknown) => setError(problemText(e, t))), 500);
		return () => clearTimeout(timer);
	}, [job, t]);
	const start = (): void => {
		setError('');
		startScan(connection.id, from, to).then(setJob).catch((e: unknown) => setError(problemText(e, t)));
	};
	const runs = job !== null && !isOver(job);
	return (
		<div className="sheet-pad">
			<p className="muted">{t('scan.text')}</p>
			<div className="row gap-below">
				<InputNumber min={0} max={255} value={from} aria-label={t('scan.from')} onChange={(n) => setFrom(n ?? 1)} /> –
				<InputNumber min={0} max={255} value={to} aria-label={t('scan.to')} onChange={(n) => setTo(n ?? 247)} />
				{runs ? <Button onClick={() => void cancelScan(job.id)}>{t('action.cancel')}</Button> : <Button type="primary" onClick={start}>{t('scan.start')}</Button>}
			</div>
			{error && <Alert type="error" showIcon title={error} />}
			{job && <Progress percent={job.total ? Math.round((job.done / job.total) * 100) : 0} status={job.state === 'failed' ? 'exception' : undefined} />}
			{job && <p role="status">{(lang === 'zh' && job.detail_zh) || job.detail}</p>}
			{job?.result && (
				<table className="plain-table">
					<thead><tr><th scope="col">{t('scan.unit')}</th><th scope="col">{t('scan.who')}</th><th scope="col" /></tr></thead>
					<tbody>{job.result.found.map((f) => (
						<tr key={f.unit}><th scope="row">{f.unit}</th><td>{f.who || '–'}</td><td><Link to={`/r/devices/new?connection=${connection.id}`}>{t('scan.add')}</Link></td></tr>
					))}</tbody>
				</table>
			)}
		</div>
	);
}
