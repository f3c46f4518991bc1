/* When there is nothing to show: still loading, no server, or a fault of our own. Plain elements: needed by every screen. */
import { useRouteError } from 'react-router';
import { useText } from './lang';
import { problemText } from './problems';

export function Loading() {
	return <div className="loading" role="status" aria-busy="true" />;
}

export function Unreachable({ error, again }: { error: unknown; again: () => void }) {
	const { t } = useText();
	return (
		<div className="centred" role="alert">
			<h1>{t('error.unreachable_title')}</h1>
			<p>{problemText(error, t)}</p>
			<button className="plain-button" onClick={again}>{t('action.retry')}</button>
		</div>
	);
}

export function Broken() {
	const { t } = useText();
	const error = useRouteError();
	return (
		<div className="centred" role="alert">
			<h1>{t('error.broken_title')}</h1>
			<p>{error instanceof Error ? error.message : String(error)}</p>
			<button className="plain-button" onClick={() => location.reload()}>{t('action.reload')}</button>
		</div>
	);
}
