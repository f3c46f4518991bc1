/* Every screen is a file of its own, fetched when it is first opened; sign-in needs nothing of the others. */
import { createBrowserRouter } from 'react-router';
import { Gate } from './Gate';
import { Broken, Loading } from './Broken';

const screen = <T extends Record<string, unknown>>(load: () => Promise<T>, name: keyof T) => async () => ({
	Component: (await load())[name] as React.ComponentType,
});

export const router = createBrowserRouter([
	{ path: '/start', lazy: screen(() => import('../screens/Start'), 'Start'), hydrateFallbackElement: <Loading />, errorElement: <Broken /> },
	{ path: '/setup', lazy: screen(() => import('../screens/Start'), 'Start'), hydrateFallbackElement: <Loading />, errorElement: <Broken /> },
	{ path: '/reset', lazy: screen(() => import('../screens/people/Reset'), 'Reset'), hydrateFallbackElement: <Loading />, errorElement: <Broken /> },
	{
		path: '/',
		element: <Gate />,
		hydrateFallbackElement: <Loading />,
		errorElement: <Broken />,
		children: [
			{
				lazy: screen(() => import('./Shell'), 'Shell'),
				errorElement: <Broken />,
				children: [
					{ index: true, lazy: screen(() => import('../screens/Home'), 'Home') },
					{ path: 'live', lazy: screen(() => import('../screens/Plant'), 'Plant') },
					{ path: 'live/:node', lazy: screen(() => import('../screens/Plant'), 'Plant') },
					{ path: 'abnormal', lazy: screen(() => import('../screens/Abnormal'), 'Abnormal') },
					{ path: 'picture', lazy: screen(() => import('../screens/Pictures'), 'Pictures') },
					{ path: 'picture/:device', lazy: screen(() => import('../screens/PictureOf'), 'PictureOf') },
					{ path: 'trend', lazy: screen(() => import('../screens/Trend'), 'Trend') },
					{ path: 'sql', lazy: screen(() => import('../screens/Sql'), 'Sql') },
					{ path: 'add', lazy: screen(() => import('../screens/AddSource'), 'AddSource') },
					{ path: 'import', lazy: screen(() => import('../screens/Import'), 'Import') },
					{ path: 'collection', lazy: screen(() => import('../screens/Collection'), 'Collection') },
					{ path: 'collection/:id', lazy: screen(() => import('../screens/connection/ConnectionPage'), 'ConnectionPage') },
					{ path: 'demo', lazy: screen(() => import('../screens/demo/Faults'), 'Faults') },
					{ path: 'jobs', lazy: screen(() => import('../screens/Jobs'), 'Jobs') },
					{ path: 'storage', lazy: screen(() => import('../screens/Storage'), 'Storage') },
					{ path: 'backups', lazy: screen(() => import('../screens/Backups'), 'Backups') },
					{ path: 'account', lazy: screen(() => import('../screens/people/Account'), 'Account') },
					{ path: 'approvals', lazy: screen(() => import('../screens/people/Approvals'), 'Approvals') },
					{ path: 'security', lazy: screen(() => import('../screens/people/Security'), 'Security') },
					{ path: 'audit', lazy: screen(() => import('../screens/Audit'), 'Audit') },
					{ path: 'grid/:plural', lazy: screen(() => import('../grid/GridPage'), 'GridPage') },
					{ path: 'r/:plural', lazy: screen(() => import('../screens/Records'), 'Records') },
					{ path: 'r/:plural/:id', lazy: screen(() => import('../screens/RecordPage'), 'RecordPage') },
					{ path: '*', lazy: screen(() => import('../screens/NotFound'), 'NotFound') },
				],
			},
		],
	},
]);
