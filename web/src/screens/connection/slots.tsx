/*
 * What stands on a connection's page besides its figures, one line each, in this order. A panel is a tab under the figures and is
 * fetched when it is first opened; an action is a button in the head. Both get the connection, its devices and their states.
 */
import { lazy } from 'react';
import type { TFunction } from 'i18next';
import type { Device, Group, LinkRow, Rec } from '../../api/contract';

export interface SlotProps {
	connection: Rec;
	devices: Device[];
	groups: Group[];
	/** State by id, of the connection and all below it. */
	links: Map<string, LinkRow>;
}
export interface Panel {
	key: string;
	title: (t: TFunction) => string;
	permission?: string;
	/** For connections of these drivers only. */
	drivers?: string[];
	Body: React.ComponentType<SlotProps>;
}
export interface Action {
	key: string;
	permission?: string;
	Body: React.ComponentType<SlotProps>;
}

export const PANELS: Panel[] = [
	{ key: 'devices', title: (t) => t('menu.devices'), Body: lazy(() => import('./Devices').then((m) => ({ default: m.Devices }))) },
	{ key: 'frames', title: (t) => t('connection.frames'), Body: lazy(() => import('./Frames').then((m) => ({ default: m.Frames }))) },
	{ key: 'requests', title: (t) => t('plan.title'), permission: 'link.read', Body: lazy(() => import('./Requests').then((m) => ({ default: m.Requests }))) },
	{ key: 'scan', title: (t) => t('scan.title'), permission: 'link.write', Body: lazy(() => import('./ScanUnits').then((m) => ({ default: m.ScanUnits }))) },
	{ key: 'errors', title: (t) => t('connection.errors'), Body: lazy(() => import('./Errors').then((m) => ({ default: m.Errors }))) },
];
export const ACTIONS: Action[] = [
	{ key: 'test', permission: 'link.write', Body: lazy(() => import('./Test').then((m) => ({ default: m.Test }))) },
	{ key: 'edit', permission: 'link.write', Body: lazy(() => import('./Edit').then((m) => ({ default: m.Edit }))) },
];
