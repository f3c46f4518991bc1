/* A connection tried step by step; the step that fails says where to look. */
import { useRef, useState } from 'react';
import { Alert, Button, Modal } from 'antd';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { testLink, type Step, type Whom } from './calls';

/** `read`: the settings as they stand in the form, saved or not; null: something is missing there. */
export function TestLink({ read }: { read: () => Promise<Whom | null> }) {
	const { t, lang } = useText();
	const [steps, setSteps] = useState<Step[] | null>(null);
	const [busy, setBusy] = useState(false);
	const [error, setError] = useState('');
	const abort = useRef<AbortController | null>(null);

	const run = async (): Promise<void> => {
		const whom = await read();
		if (!whom || busy) return;
		setBusy(true);
		setError('');
		setSteps([]);
		abort.current = new AbortController();
		try {
			await testLink(whom, lang, (s) => setSteps((all) => [...(all ?? []), s]), abort.current.signal);
		} catch (e) {
			if (!abort.current.signal.aborted) setError(problemText(e, t));
		} finally {
			setBusy(false);
		}
	};
	const close = (): void => {
		abort.current?.abort();
		setSteps(null);
	};
	return (
		<>
			<Button onClick={() => void run()}>{t('test.title')}</Button>
			<Modal
				open={steps !== null} title={t('test.title')} onCancel={close} width={560}
				footer={[<Button key="again" loading={busy} onClick={() => void run()}>{t('test.again')}</Button>, <Button key="close" type="primary" onClick={close}>{t('action.close')}</Button>]}
			>
				<ol className="steps" aria-live="polite" data-testid="steps">{steps?.map((s) => (
					<li key={s.step} data-step={s.step} data-state={s.state}>
						<div className="row">
							<span className={s.state === 'failed' ? 'q q-bad' : s.state === 'ok' ? 'q q-good' : 'muted'}>{s.state === 'failed' ? '✕' : s.state === 'ok' ? '✓' : '–'}</span>
							<span className="grow">{s.title}{s.state === 'skipped' && <span className="muted"> · {t('test.skipped')}</span>}</span>
							{s.found && <span className="muted ellipsis">{s.found}</span>}
						</div>
						{s.error && <Alert type="error" title={s.error.detail} description={s.hint} />}
					</li>
				))}</ol>
				{error && <Alert type="error" showIcon title={error} />}
			</Modal>
		</>
	);
}
