/* The frame around every screen: menu, language, user. */
import { useEffect, useState } from 'react';
import { LogoutOutlined, MenuFoldOutlined, MenuOutlined, MenuUnfoldOutlined, UserOutlined } from '@ant-design/icons';
import { useQueryClient } from '@tanstack/react-query';
import { App as AntApp, Badge, Button, Drawer, Dropdown, Menu, type MenuProps } from 'antd';
import { Link, Outlet, useLocation, useNavigate } from 'react-router';
import { fetchSession, keys, signOut, useMay, useSession } from '../api/calls';
import { Problem } from '../api/http';
import { live, useSocketState } from '../api/live';
import { JobsBadge } from './JobsBadge';
import { useWaiting } from '../api/people';
import { LanguageSwitch } from './LanguageSwitch';
import { Logo } from './Logo';
import { ShortcutHelp } from './ShortcutHelp';
import { ThemeSwitch } from './ThemeSwitch';
import { useNarrow } from './hooks';
import { MENU } from './menu';
import { useText } from './lang';
import { problemText } from './problems';
import { usePrefs } from './prefs';

export function Shell() {
	const { t } = useText();
	const may = useMay();
	const waiting = useWaiting();
	const demo = useSession().data?.demo ?? false;
	const narrow = useNarrow();
	const { menuFolded, set } = usePrefs();
	const [open, setOpen] = useState(false);
	const { pathname } = useLocation();
	useEffect(() => setOpen(false), [pathname]);

	const items: MenuProps['items'] = MENU.flatMap((section): NonNullable<MenuProps['items']> => {
		const children = section.entries.filter((e) => (!e.permission || may(e.permission)) && (!e.demo || demo)).map((e) => ({ key: e.to, icon: e.icon, label: <Link to={e.to}>{e.text(t)}{e.badge && waiting > 0 && <Badge count={waiting} size="small" className="menu-badge" title={t('approval.waiting', { n: waiting })} />}</Link> }));
		if (!section.caption || !children.length) return children;
		return [{ type: 'group' as const, key: section.key, label: section.caption(t), children }];
	});
	const parts = pathname.split('/');
	const selected = parts[1] === 'r' ? `/r/${parts[2]}` : `/${parts[1] ?? ''}`;
	const menu = <Menu mode="inline" items={items} selectedKeys={[selected]} inlineCollapsed={!narrow && menuFolded} className="menu" />;

	return (
		<AntApp className="app" message={{ maxCount: 3 }} notification={{ placement: 'bottomRight' }}>
			<a className="skip" href="#main">{t('shell.skip')}</a>
			<header className="top">
				{narrow
					? <Button type="text" className="top-button" aria-label={t('shell.menu')} aria-expanded={open} icon={<MenuOutlined />} onClick={() => setOpen(true)} />
					: <Button
						type="text" className="top-button" aria-label={t(menuFolded ? 'shell.unfold' : 'shell.fold')}
						icon={menuFolded ? <MenuUnfoldOutlined /> : <MenuFoldOutlined />} onClick={() => set({ menuFolded: !menuFolded })}
					/>}
				<Link to="/" className="top-logo"><Logo light /></Link>
				<span className="top-space" />
				<SocketNotice />
				<JobsBadge />
				<ThemeSwitch />
				<LanguageSwitch />
				<UserMenu />
			</header>
			<div className="body">
				{narrow ? (
					<Drawer open={open} onClose={() => setOpen(false)} placement="left" size={260} title={<Logo />} styles={{ body: { padding: 0 } }}>
						<nav aria-label={t('shell.menu')}>{menu}</nav>
					</Drawer>
				) : (
					<nav className={menuFolded ? 'side side-folded' : 'side'} aria-label={t('shell.menu')}>{menu}</nav>
				)}
				<main id="main" className="main" tabIndex={-1}>
					<Outlet />
				</main>
			</div>
			<ShortcutHelp />
		</AntApp>
	);
}

function SocketNotice() {
	const { t } = useText();
	const state = useSocketState();
	return state === 'lost' ? <span className="lost" role="status">{t('shell.lost')}</span> : null;
}

function UserMenu() {
	const { t } = useText();
	const session = useSession().data;
	const client = useQueryClient();
	const navigate = useNavigate();
	const { message } = AntApp.useApp();
	const who = session?.principal;
	const leave = async (): Promise<void> => {
		try {
			await signOut();
		} catch (e) {
			if (!(e instanceof Problem && e.status === 401)) return void message.error(problemText(e, t));      // whoever goes away must know that he did not
		}
		live.close();
		client.setQueryData(keys.session, await fetchSession());
		client.removeQueries({ predicate: (q) => q.queryKey[0] !== keys.session[0] });
		void navigate('/');
	};
	return (
		<Dropdown
			trigger={['click']}
			menu={{
				items: [
					{ key: 'who', disabled: true, label: <>{who?.full_name || who?.name}<br /><small>{session?.role && t(`role.${session.role}`, { defaultValue: session.role })} · {session?.tenant?.name}</small></> },
					{ type: 'divider' },
					{ key: 'account', label: t('account.title'), onClick: () => void navigate('/account') },
					{ key: 'keys', label: t('shell.shortcuts'), extra: '?', onClick: () => window.dispatchEvent(new Event('tenon:shortcuts')) },
					{ key: 'version', disabled: true, label: `${t('product')} ${session?.version ?? ''}` },
					{ type: 'divider' },
					{ key: 'out', icon: <LogoutOutlined />, label: t('shell.sign_out'), onClick: () => void leave() },
				],
			}}
		>
			<Button type="text" className="top-button" icon={<UserOutlined />} aria-label={t('shell.user', { name: who?.name })}>
				<span className="top-user">{who?.full_name || who?.name}</span>
			</Button>
		</Dropdown>
	);
}
