/* A value written to a point: what it is now, what is allowed, a second look, and what became of it. */
import { useEffect, useRef, useState } from 'react';
import { EditOutlined } from '@ant-design/icons';
import { Alert, Button, Input, Modal, Select } from 'antd';
import { create } from 'zustand';
import type { Point, Scalar } from '../api/contract';
import { useSubscription } from '../api/live';
import { Problem } from '../api/http';
import { useMay } from '../api/calls';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { formatValue, withUnit } from '../lib/format';
import { LiveCell, QualityCell } from '../lib/Quality';
import { fetchCommand, sendCommand, stopCommand, type Command } from './calls';

type Outcome = { command?: Command; error?: string; approval?: boolean };

/** Rows come and go while one scrolls or turns the telephone: the dialog hangs on the screen, not on the row. */
const useChosen = create<{ point: Point | null }>(() => ({ point: null }));

export function SetValueHost() {
	const point = useChosen((s) => s.point);
	useEffect(() => () => useChosen.setState({ point: null }), []);
	return point && <Dialog key={point.id} point={point} onClose={() => useChosen.setState({ point: null })} />;
}

export function SetValue({ point, small }: { point: Point; small?: boolean }) {
	const { t } = useText();
	const may = useMay();
	if (!may('command.send') || point.access === 'r' || !point.access) return null;
	return (
		<Button
			size={small ? 'small' : undefined} type={small ? 'text' : undefined} icon={<EditOutlined />} aria-label={t('command.title', { name: point.name || point.code })}
			onClick={() => useChosen.setState({ point })}
		>{small ? null : t('command.write')}</Button>
	);
}

const numeric = (p: Point): boolean => p.type !== 'bool' && p.type !== 'string';

/** What is typed as the point's type; undefined: not that yet. */
function valueOf(text: string, p: Point): Scalar | undefined {
	if (p.type === 'string') return text;
	if (!text.trim()) return undefined;
	if (p.type === 'bool') return text === '1';
	const n = Number(text);
	return Number.isFinite(n) ? (Number.isSafeInteger(n) || !Number.isInteger(n) ? n : text.trim()) : undefined;
}

function Dialog({ point, onClose }: { point: Point; onClose: () => void }) {
	const { t } = useText();
	const [text, setText] = useState('');
	const [reason, setReason] = useState('');
	const [asked, setAsked] = useState(false);
	const [busy, setBusy] = useState(false);
	const [outcome, setOutcome] = useState<Outcome | null>(null);
	const first = useRef<HTMLDivElement>(null);
	useSubscription([point.id], 5);
	const states = Object.entries(point.state_texts ?? {});
	const value = valueOf(text, point);
	const show = (v: Scalar | undefined): string => withUnit(formatValue(v, { type: point.type, states: point.state_texts ?? undefined }), point.unit);
	const walking = outcome?.command?.state === 'waiting' ? outcome.command : null;

	useEffect(() => {
		setTimeout(() => first.current?.querySelector('input')?.focus(), 80);
	}, []);
	useEffect(() => {
		if (!walking) return;
		const timer = setTimeout(() => {
			fetchCommand(walking.id).then((command) => setOutcome({ command })).catch((e: unknown) => setOutcome({ error: problemText(e, t) }));
		}, 500);
		return () => clearTimeout(timer);
	}, [walking, t]);

	const send = async (): Promise<void> => {
		if (busy || value === undefined) return;
		if (point.confirm !== false && !asked) return setAsked(true);
		setBusy(true);
		try {
			const got = await sendCommand(point.id, { value, reason: reason || undefined, confirm: true });
			setOutcome('approval' in got && !('state' in got) ? { approval: true } : { command: got as Command });
		} catch (e) {
			const command = e instanceof Problem ? ((e.body as { command?: Command }).command ?? undefined) : undefined;
			setOutcome({ command, error: problemText(e, t) });
		} finally {
			setBusy(false);
			setAsked(false);
		}
	};
	const limits = [
		typeof point.write_min === 'number' && t('command.min', { value: show(point.write_min) }), typeof point.write_max === 'number' && t('command.max', { value: show(point.write_max) }),
		typeof point.write_step === 'number' && t('command.step', { value: show(point.write_step) }), typeof point.write_ramp === 'number' && t('command.ramp', { value: show(point.write_ramp) }),
	].filter(Boolean);
	const options = point.type === 'bool' || states.length
		? (point.type === 'bool' ? ['0', '1'] : states.map(([k]) => k)).map((k) => ({ value: k, label: formatValue(Number(k), { states: point.state_texts ?? undefined }) })) : null;

	return (
		<Modal
			open title={t('command.title', { name: point.name || point.code })} onCancel={onClose} width={440} destroyOnHidden
			footer={[
				<Button key="close" onClick={asked ? () => setAsked(false) : onClose}>{t(asked ? 'action.back' : 'action.close')}</Button>,
				walking && <Button key="stop" danger onClick={() => void stopCommand(walking.id)}>{t('command.stop')}</Button>,
				<Button key="send" type="primary" danger={asked} loading={busy} disabled={value === undefined || Boolean(walking)} onClick={() => void send()}>
					{asked ? t('command.confirm') : t('command.write')}
				</Button>,
			]}
		>
			<div ref={first} onKeyDown={(e) => { if (e.key === 'Enter' && !e.nativeEvent.isComposing) void send(); }}>
				<p className="row"><span className="muted">{t('command.now')}</span><LiveCell point={point} /><QualityCell point={point} /></p>
				{asked ? <Alert type="warning" showIcon role="alert" title={t('command.sure', { value: show(value), name: point.path || point.code })} /> : (
					<>
						<label>
							{t('command.value')}
							{options
								? <Select style={{ width: '100%' }} aria-label={t('command.value')} value={text || undefined} options={options} onChange={setText} />
								: <Input aria-label={t('command.value')} inputMode={numeric(point) ? 'decimal' : 'text'} value={text} suffix={point.unit} onChange={(e) => setText(e.target.value)} />}
						</label>
						{limits.length > 0 && <p className="muted small">{limits.join(' · ')}</p>}
						<label>{t('command.reason')}<Input aria-label={t('command.reason')} value={reason} maxLength={500} onChange={(e) => setReason(e.target.value)} /></label>
					</>
				)}
				<div role="status" aria-live="polite" data-testid="outcome">{outcome && <Result outcome={outcome} show={show} />}</div>
			</div>
		</Modal>
	);
}

function Result({ outcome, show }: { outcome: Outcome; show: (v: Scalar | undefined) => string }) {
	const { t } = useText();
	const { command, error, approval } = outcome;
	if (approval) return <Alert className="gap-above" type="info" showIcon title={t('command.approval')} />;
	const state = command?.state;
	const good = state === 'done' || state === 'waiting';
	const at = command?.after !== undefined && command.after !== null ? ` · ${t('command.after', { value: show(command.after) })}` : '';
	return <Alert className="gap-above" type={good ? (state === 'done' ? 'success' : 'info') : state === 'unchecked' ? 'warning' : 'error'} showIcon
		title={`${state ? t(`command.state_${state}`) : ''}${at}`} description={error ?? (good ? undefined : command?.detail)} />;
}
