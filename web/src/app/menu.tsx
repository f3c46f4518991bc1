/* The menu, one line an entry: where it leads, its picture, its text, and the right without which it is not shown. */
import {
	ConsoleSqlOutlined, ApartmentOutlined, ApiOutlined, AuditOutlined, BugOutlined, ClusterOutlined, DatabaseOutlined, DeploymentUnitOutlined, FieldTimeOutlined, HddOutlined, HomeOutlined,
	KeyOutlined, LineChartOutlined, LockOutlined, MonitorOutlined, PictureOutlined, PlusCircleOutlined, PushpinOutlined, SafetyOutlined, ScheduleOutlined,
	SaveOutlined, SolutionOutlined, TagsOutlined, TeamOutlined,
} from '@ant-design/icons';
import type { TFunction } from 'i18next';

export interface MenuEntry {
	to: string;
	icon: React.ReactNode;
	text: (t: TFunction) => string;
	permission?: string;
	/** What is counted beside the text. */
	badge?: 'approvals';
	/** Only where a demonstration plant is simulated. */
	demo?: boolean;
}
export interface MenuSection {
	key: string;
	/** Absent: the entries stand at the top, without a caption. */
	caption?: (t: TFunction) => string;
	entries: MenuEntry[];
}

export const MENU: MenuSection[] = [
	{ key: 'top', entries: [
		{ to: '/', icon: <HomeOutlined />, text: (t) => t('menu.overview') },
		{ to: '/picture', icon: <PictureOutlined />, text: (t) => t('menu.pictures'), permission: 'point.read' },
		{ to: '/live', icon: <MonitorOutlined />, text: (t) => t('menu.live'), permission: 'point.read' },
		{ to: '/trend', icon: <LineChartOutlined />, text: (t) => t('menu.trend'), permission: 'sample.read' },
		{ to: '/sql', icon: <ConsoleSqlOutlined />, text: (t) => t('sql.title'), permission: 'sql.query' },
		{ to: '/demo', icon: <BugOutlined />, text: (t) => t('demo.title'), permission: 'point.read', demo: true },
	] },
	{ key: 'collection', caption: (t) => t('menu.collection'), entries: [
		{ to: '/add', icon: <PlusCircleOutlined />, text: (t) => t('menu.add'), permission: 'link.write' },
		{ to: '/collection', icon: <DeploymentUnitOutlined />, text: (t) => t('menu.status'), permission: 'link.read' },
		{ to: '/r/connections', icon: <ApiOutlined />, text: (t) => t('menu.connections'), permission: 'link.read' },
		{ to: '/r/devices', icon: <HddOutlined />, text: (t) => t('menu.devices'), permission: 'link.read' },
		{ to: '/r/groups', icon: <FieldTimeOutlined />, text: (t) => t('menu.groups'), permission: 'link.read' },
		{ to: '/r/points', icon: <PushpinOutlined />, text: (t) => t('menu.points'), permission: 'point.read' },
		{ to: '/r/places', icon: <ApartmentOutlined />, text: (t) => t('menu.places'), permission: 'point.read' },
		{ to: '/r/labels', icon: <TagsOutlined />, text: (t) => t('menu.labels'), permission: 'point.read' },
	] },
	{ key: 'system', caption: (t) => t('menu.system'), entries: [
		{ to: '/r/users', icon: <TeamOutlined />, text: (t) => t('menu.users'), permission: 'user.read' },
		{ to: '/r/roles', icon: <SafetyOutlined />, text: (t) => t('menu.roles'), permission: 'user.read' },
		{ to: '/r/tokens', icon: <KeyOutlined />, text: (t) => t('menu.tokens'), permission: 'token.read' },
		{ to: '/r/tenants', icon: <ClusterOutlined />, text: (t) => t('menu.tenants'), permission: 'tenant.read' },
		{ to: '/jobs', icon: <ScheduleOutlined />, text: (t) => t('menu.jobs') },
		{ to: '/approvals', icon: <SolutionOutlined />, text: (t) => t('menu.approvals'), badge: 'approvals' },
		{ to: '/security', icon: <LockOutlined />, text: (t) => t('menu.security'), permission: 'user.read' },
		{ to: '/storage', icon: <DatabaseOutlined />, text: (t) => t('storage.title'), permission: 'system.read' },
		{ to: '/backups', icon: <SaveOutlined />, text: (t) => t('backup.title'), permission: 'system.backup' },
		{ to: '/audit', icon: <AuditOutlined />, text: (t) => t('menu.audit'), permission: 'audit.read' },
	] },
];
