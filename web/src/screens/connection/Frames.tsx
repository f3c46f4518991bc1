/* What passes on the connection, the newest first, in words; the bytes under each. It comes as it passes, while it is looked at. */
import { useEffect, useState } from 'react';
import { Alert, Button } from 'antd';
import { DownloadOutlined, PauseOutlined, CaretRightOutlined } from '@ant-design/icons';
import { useMay } from '../../api/calls';
import type { LinkFrame } from '../../api/contract';
import { watchFrames, withFrames, type FrameRow } from '../../api/frames';
import { BASE } from '../../api/http';
import { useText } from '../../app/lang';
import { problemText } from '../../app/problems';
import { formatDateTime, formatTime } from '../../lib/format';
import type { SlotProps } from './slots';

const ARROW = { out: '→', in: '←', silence: '…', opened: '○', closed: '×' } as const;
const isBad = (f: LinkFrame): boolean => f.kind === 'silence' || f.kind === 'closed' || ['refused', 'wrong', 'stray', 'incomplete'].includes(f.result ?? '');

export function Frames({ connection }: SlotProps) {
	const { t, lang } = useText();
	const pushed = useMay()('point.read');
	const [frames, setFrames] = useState<FrameRow[]>([]);
	const [running, setRunning] = useState(true);
	const [fault, setFault] = useState<unknown>(null);
	const id = connection.id;

	useEffect(() => {
		if (!running) return undefined;
		let first = true;
		return watchFrames({
			connection: id, lang, pushed, onFault: setFault,
			onFrames: (got) => {
				const anew = first;
				first = false;
				setFault(null);
				setFrames((old) => withFrames(anew ? [] : old, got));
			},
		});
	}, [id, running, lang, pushed]);

	return (
		<>
			{fault !== null && <Alert type="error" showIcon title={problemText(fault, t)} />}
			<div className="bar">
				<Button icon={running ? <PauseOutlined /> : <CaretRightOutlined />} onClick={() => setRunning(!running)}>{t(running ? 'connection.frames_pause' : 'connection.frames_go')}</Button>
				<Button icon={<DownloadOutlined />} href={`${BASE}/links/${id}/frames.pcap`} download={`${id}.pcap`}>{t('connection.frames_save')}</Button>
			</div>
			<table className="plain-table frames">
				<thead><tr><th scope="col">{t('connection.frames_time')}</th><th scope="col">{t('connection.frames_text')}</th></tr></thead>
				<tbody>{frames.map((f) => ('dropped' in f ? <tr key={f.seq}><td /><td className="muted">{t('connection.frames_dropped', { n: f.dropped })}</td></tr> : (
					<tr key={f.seq}>
						<td className="muted nowrap" title={formatDateTime(f.t / 1000, true)}>{formatTime(f.t / 1000, true)}</td>
						<td className={isBad(f) ? 'q-uncertain' : undefined}>{ARROW[f.kind]} {f.text}{f.bytes && <div className="muted"><code>{f.bytes}</code></div>}</td>
					</tr>
				)))}</tbody>
			</table>
		</>
	);
}
