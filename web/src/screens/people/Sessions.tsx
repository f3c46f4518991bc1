/* Where somebody is signed in: device, address, times; ending one or all. */
import { App, Button, Tag } from 'antd';
import { useQueryClient } from '@tanstack/react-query';
import { endSession, endSessions, peopleKeys, useSessions, type SessionInfo } from '../../api/people';
import { useText } from '../../app/lang';
import { problemText } from '../../app/problems';
import { formatDateTime } from '../../lib/format';

/** "Mozilla/5.0 (X11; Linux x86_64) … Chrome/126.0" → "Chrome · Linux"; other programs by their own name. */
export function deviceOf(agent: string): string {
	const browser = /(Edg|OPR|Firefox|Chrome|Safari)\//.exec(agent)?.[1];
	const system = /(Windows|Android|iPhone|iPad|Mac OS X|Linux)/.exec(agent)?.[1];
	const name = browser === 'Edg' ? 'Edge' : browser === 'OPR' ? 'Opera' : browser;
	return name ? [name, system === 'Mac OS X' ? 'macOS' : system].filter(Boolean).join(' · ') : agent.slice(0, 60);
}

export function Sessions({ user, mayEndOne }: { user?: string; mayEndOne: boolean }) {
	const { t } = useText();
	const { message, modal } = App.useApp();
	const client = useQueryClient();
	const sessions = useSessions(user);
	const run = async (what: Promise<unknown>): Promise<void> => {
		try {
			await what;
			void message.success(t('account.ended'));
		} catch (e) {
			void modal.error({ title: t('account.not_ended'), content: problemText(e, t) });
		}
		await client.invalidateQueries({ queryKey: peopleKeys.sessions(user) });
	};
	const items = sessions.data ?? [];
	return (
		<section className="sheet gap-above" aria-label={t('account.sessions')}>
			<div className="bar">
				<h2 className="grow" style={{ margin: 0, fontSize: 15 }}>{t('account.sessions')}</h2>
				<Button size="small" danger disabled={!items.some((s) => !s.current)} onClick={() => void run(endSessions(user))}>{t(user ? 'account.end_all' : 'account.end_others')}</Button>
			</div>
			{sessions.error ? <p className="muted" style={{ padding: '0 10px' }}>{problemText(sessions.error, t)}</p> : null}
			<ul className="cards">
				{items.map((s: SessionInfo) => (
					<li className="card" key={s.id}>
						<span className="name">{deviceOf(s.agent) || t('account.unknown_device')} {s.current && <Tag color="success">{t('account.this_one')}</Tag>}</span>
						{mayEndOne && !s.current ? <Button size="small" onClick={() => void run(endSession(s.id))}>{t('account.end')}</Button> : <span />}
						<span className="side-note">{s.peer} · {t('account.since', { when: formatDateTime(Date.parse(s.created)) })} · {t('account.last_used', { when: formatDateTime(Date.parse(s.last_used)) })}</span>
					</li>
				))}
			</ul>
			{!items.length && !sessions.isPending && <p className="muted" style={{ padding: '0 10px' }}>{t('account.no_sessions')}</p>}
		</section>
	);
}
