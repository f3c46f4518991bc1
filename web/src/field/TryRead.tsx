/* Registers as they lie, under every reading: the engineer clicks the one that is right and the form takes it over. */
import { useState } from 'react';
import { Alert, Button, InputNumber, Modal } from 'antd';
import type { Scalar } from '../api/contract';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { formatValue } from '../lib/format';
import { peek, type Peek } from './calls';

interface Props {
	device?: string;
	address?: string;
	onPick: (fields: { type: string; byte_order: string }) => void;
}

export function TryRead({ device, address, onPick }: Props) {
	const { t } = useText();
	const [open, setOpen] = useState(false);
	const [count, setCount] = useState(4);
	const [busy, setBusy] = useState(false);
	const [error, setError] = useState('');
	const [got, setGot] = useState<Peek | null>(null);

	const run = async (n = count): Promise<void> => {
		if (!device || !address || busy) return;
		setOpen(true);
		setBusy(true);
		setError('');
		try {
			setGot(await peek({ device, address, count: n }));
		} catch (e) {
			setGot(null);
			setError(problemText(e, t));
		} finally {
			setBusy(false);
		}
	};
	return (
		<>
			<Button size="small" disabled={!device || !address} onClick={() => void run()}>{t('peek.title')}</Button>
			<Modal
				open={open} title={`${t('peek.title')} · ${address ?? ''}`} onCancel={() => setOpen(false)} width={560}
				footer={[
					<InputNumber key="n" min={1} max={125} value={count} aria-label={t('peek.count')} onChange={(n) => setCount(n ?? 4)} />,
					<Button key="again" loading={busy} onClick={() => void run()}>{t('peek.again')}</Button>,
					<Button key="close" onClick={() => setOpen(false)}>{t('action.close')}</Button>,
				]}
			>
				{error && <Alert type="error" showIcon role="alert" title={error} />}
				{got && <Readings got={got} onPick={(r) => { onPick(r); setOpen(false); }} />}
			</Modal>
		</>
	);
}

function Readings({ got, onPick }: { got: Peek; onPick: Props['onPick'] }) {
	const { t } = useText();
	if (got.values) return <p className="mono">{got.values.map((v) => (v ? 1 : 0)).join(' ')}</p>;
	const text = (v: Scalar): string => formatValue(v);
	return (
		<div className="peek">
			<p className="mono">{got.registers?.join(' ')}</p>
			<p className="muted small">{t('peek.help')}</p>
			<table className="plain-table" data-testid="readings">
				<tbody>{got.readings?.map((r) => (
					<tr key={`${r.type}${r.byte_order}`}>
						<th scope="row">{r.type}</th><td className="mono">{r.byte_order}</td>
						<td><button type="button" className="plain-button mono" onClick={() => onPick({ type: r.type, byte_order: r.byte_order })}>{text(r.values[0] ?? null)}</button></td>
					</tr>
				))}</tbody>
			</table>
			{got.texts?.map((x) => <p key={x.byte_order}><span className="muted">{t('peek.text')} {x.encoding} {x.byte_order}</span> “{x.text}”</p>)}
			<p className="mono small muted">{t('peek.bits')} {got.bits?.join(' ')}</p>
			{got.bcd?.some((b) => b !== null) && <p className="mono small muted">{t('peek.bcd')} {got.bcd.map((b) => b ?? '–').join(' ')}</p>}
		</div>
	);
}
