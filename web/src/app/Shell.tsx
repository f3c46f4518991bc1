/* The frame around every screen: menu, language, user. */
import { useEffect, useState } from 'react';
import {
	ApartmentOutlined, ApiOutlined, AuditOutlined, ClusterOutlined, DashboardOutlined, DeploymentUnitOutlined, FieldTimeOutlined,
	HddOutlined, KeyOutlined, LineChartOutlined, LogoutOutlined, MenuFoldOutlined, MenuOutlined, MenuUnfoldOutlined,
	MonitorOutlined, PlusCircleOutlined, PushpinOutlined, SafetyOutlined, TeamOutlined, UserOutlined,
} from '@ant-design/icons';
import { useQueryClient } from '@tanstack/react-query';
import { App as AntApp, Button, Drawer, Dropdown, Menu, type MenuProps } from 'antd';
import { Link, Outlet, useLocation, useNavigate } from 'react-router';
import { fetchSession, keys, signOut, useMay, useSession } from '../api/calls';
import { live, useSocketState } from '../api/live';
import { LanguageSwitch } from './LanguageSwitch';
import { Logo } from './Logo';
import { ShortcutHelp } from './ShortcutHelp';
import { useNarrow } from './hooks';
import { useText } from './lang';
import { usePrefs } from './prefs';

type Item = { key: string; icon: React.ReactNode; text: string; permission?: string };

export function Shell() {
	const { t } = useText();
	const may = useMay();
	const narrow = useNarrow();
	const { menuFolded, set } = usePrefs();
	const [open, setOpen] = useState(false);
	const { pathname } = useLocation();
	useEffect(() => setOpen(false), [pathname]);

	const show = (items: Item[]): MenuProps['items'] =>
		items.filter((i) => !i.permission || may(i.permission)).map((i) => ({ key: i.key, icon: i.icon, label: <Link to={i.key}>{i.text}</Link> }));
	const section = (key: string, label: string, items: Item[]) => {
		const children = show(items);
		return children?.length ? [{ type: 'group' as const, key, label, children }] : [];
	};
	const items: MenuProps['items'] = [
		...(show([
			{ key: '/', icon: <DashboardOutlined />, text: t('menu.overview') },
			{ key: '/live', icon: <MonitorOutlined />, text: t('menu.live'), permission: 'point.read' },
			{ key: '/trend', icon: <LineChartOutlined />, text: t('menu.trend'), permission: 'sample.read' },
		]) ?? []),
		...section('collection', t('menu.collection'), [
			{ key: '/add', icon: <PlusCircleOutlined />, text: t('menu.add'), permission: 'link.write' },
			{ key: '/collection', icon: <DeploymentUnitOutlined />, text: t('menu.status'), permission: 'link.read' },
			{ key: '/r/connections', icon: <ApiOutlined />, text: t('menu.connections'), permission: 'link.read' },
			{ key: '/r/devices', icon: <HddOutlined />, text: t('menu.devices'), permission: 'link.read' },
			{ key: '/r/groups', icon: <FieldTimeOutlined />, text: t('menu.groups'), permission: 'link.read' },
			{ key: '/r/points', icon: <PushpinOutlined />, text: t('menu.points'), permission: 'point.read' },
			{ key: '/r/places', icon: <ApartmentOutlined />, text: t('menu.places'), permission: 'point.read' },
		]),
		...section('system', t('menu.system'), [
			{ key: '/r/users', icon: <TeamOutlined />, text: t('menu.users'), permission: 'user.read' },
			{ key: '/r/roles', icon: <SafetyOutlined />, text: t('menu.roles'), permission: 'user.read' },
			{ key: '/r/tokens', icon: <KeyOutlined />, text: t('menu.tokens'), permission: 'token.read' },
			{ key: '/r/tenants', icon: <ClusterOutlined />, text: t('menu.tenants'), permission: 'tenant.read' },
			{ key: '/audit', icon: <AuditOutlined />, text: t('menu.audit'), permission: 'audit.read' },
		]),
	];
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
	const who = session?.principal;
	const leave = async (): Promise<void> => {
		await signOut().catch(() => undefined);
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
					{ key: 'who', disabled: true, label: <>{who?.full_name || who?.name}<br /><small>{session?.role} · {session?.tenant?.name}</small></> },
					{ type: 'divider' },
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
