/* What passes on the connection, the newest first, in words; the bytes under each. It asks for what is new once a second while it is looked at. */
import { useEffect, useState } from 'react';
import { Alert, Button } from 'antd';
import { DownloadOutlined, PauseOutlined, CaretRightOutlined } from '@ant-design/icons';
import { BASE, get } from '../../api/http';
import { useText } from '../../app/lang';
import { problemText } from '../../app/problems';
import { formatDateTime, formatTime } from '../../lib/format';
import type { SlotProps } from './slots';

interface Frame { seq: number; t: number; kind: 'out' | 'in' | 'silence' | 'opened' | 'closed'; result?: string; bytes?: string; text: string }
const KEPT = 500;
const ARROW = { out: '→', in: '←', silence: '…', opened: '○', closed: '×' } as const;
const isBad = (f: Frame): boolean => f.kind === 'silence' || f.kind === 'closed' || ['refused', 'wrong', 'stray', 'incomplete'].includes(f.result ?? '');

export function Frames({ connection }: SlotProps) {
	const { t, lang } = useText();
	const [frames, setFrames] = useState<Frame[]>([]);
	const [running, setRunning] = useState(true);
	const [fault, setFault] = useState<unknown>(null);
	const id = connection.id;

	useEffect(() => {
		if (!running) return;
		const stop = new AbortController();
		let last = 0;
		let timer: ReturnType<typeof setTimeout> | undefined;
		const ask = async (): Promise<void> => {
			try {
				const got = await get<{ items: Frame[]; last: number }>(`/links/${id}/frames?limit=${KEPT}&after=${last}`, stop.signal);
				setFrames((old) => [...got.items].reverse().concat(last ? old : []).slice(0, KEPT));
				last = got.last;
				setFault(null);
			} catch (e) {
				if (stop.signal.aborted) return;
				setFault(e);
			}
			timer = setTimeout(() => void ask(), 1000);
		};
		void ask();
		return () => {
			stop.abort();
			clearTimeout(timer);
		};
	}, [id, running, lang]);

	return (
		<>
			{fault !== null && <Alert type="error" showIcon title={problemText(fault, t)} />}
			<div className="bar">
				<Button icon={running ? <PauseOutlined /> : <CaretRightOutlined />} onClick={() => setRunning(!running)}>{t(running ? 'connection.frames_pause' : 'connection.frames_go')}</Button>
				<Button icon={<DownloadOutlined />} href={`${BASE}/links/${id}/frames.pcap`} download={`${id}.pcap`}>{t('connection.frames_save')}</Button>
			</div>
			<table className="plain-table frames">
				<thead><tr><th scope="col">{t('connection.frames_time')}</th><th scope="col">{t('connection.frames_text')}</th></tr></thead>
				<tbody>{frames.map((f) => (
					<tr key={f.seq}>
						<td className="muted nowrap" title={formatDateTime(f.t / 1000, true)}>{formatTime(f.t / 1000, true)}</td>
						<td className={isBad(f) ? 'q-uncertain' : undefined}>{ARROW[f.kind]} {f.text}{f.bytes && <div className="muted"><code>{f.bytes}</code></div>}</td>
					</tr>
				))}</tbody>
			</table>
		</>
	);
}
