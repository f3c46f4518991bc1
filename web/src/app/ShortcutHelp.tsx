import { useEffect, useState } from 'react';
import { Modal } from 'antd';
import { useNavigate } from 'react-router';
import { useText } from './lang';

const GO: Record<string, string> = { o: '/', l: '/live', t: '/trend', a: '/add', s: '/collection', p: '/r/points' };

/** "?" shows the keys; "g" and a letter goes to a screen. */
export function ShortcutHelp() {
	const { t } = useText();
	const [open, setOpen] = useState(false);
	const navigate = useNavigate();
	useEffect(() => {
		let waiting = 0;
		const onKey = (e: KeyboardEvent): void => {
			const el = e.target as HTMLElement;
			if (e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName) || el.isContentEditable) return;
			if (e.key === '?') setOpen(true);
			else if (e.key === 'g') waiting = Date.now();
			else if (Date.now() - waiting < 1500 && GO[e.key]) {
				waiting = 0;
				e.preventDefault();
				void navigate(GO[e.key]!);
			}
		};
		const onAsk = (): void => setOpen(true);
		window.addEventListener('keydown', onKey);
		window.addEventListener('tenon:shortcuts', onAsk);
		return () => {
			window.removeEventListener('keydown', onKey);
			window.removeEventListener('tenon:shortcuts', onAsk);
		};
	}, [navigate]);
	const rows: [string[], string][] = [
		[['/'], t('keys.search')],
		[['Esc'], t('keys.escape')],
		[['g', 'o'], t('menu.overview')],
		[['g', 'l'], t('menu.live')],
		[['g', 't'], t('menu.trend')],
		[['g', 'a'], t('menu.add')],
		[['g', 's'], t('menu.status')],
		[['g', 'p'], t('menu.points')],
		[['←', '→'], t('keys.pan')],
		[['+', '−'], t('keys.zoom')],
		[['?'], t('keys.help')],
	];
	return (
		<Modal open={open} onCancel={() => setOpen(false)} footer={null} title={t('shell.shortcuts')} width={380}>
			<table className="keys"><tbody>
				{rows.map(([k, text]) => <tr key={text}><td>{k.map((x) => <kbd key={x}>{x}</kbd>)}</td><td>{text}</td></tr>)}
			</tbody></table>
		</Modal>
	);
}
