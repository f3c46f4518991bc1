import { useEffect } from 'react';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { ConfigProvider } from 'antd';
import enUS from 'antd/locale/en_US';
import zhCN from 'antd/locale/zh_CN';
import dayjs from 'dayjs';
import 'dayjs/locale/zh-cn';
import { RouterProvider } from 'react-router/dom';
import { keys } from '../api/calls';
import { Problem, whenSignedOut } from '../api/http';
import { useDark } from './appearance';
import { useText } from './lang';
import { router } from './routes';
import { themeOf } from './theme';

const client = new QueryClient({
	defaultOptions: {
		queries: {
			retry: (n, e) => n < 2 && e instanceof Problem && (e.status === 0 || e.status === 503),
			refetchOnWindowFocus: false,
		},
	},
});

/* Asked once more before anybody is shown the door: the Gate decides by the answer. */
whenSignedOut(() => void client.invalidateQueries({ queryKey: keys.session }));

export function App() {
	const { lang } = useText();
	useEffect(() => {
		dayjs.locale(lang === 'zh' ? 'zh-cn' : 'en');
	}, [lang]);
	return (
		<ConfigProvider theme={themeOf(useDark())} locale={lang === 'zh' ? zhCN : enUS} componentSize="medium" button={{ autoInsertSpace: false }}>
			<QueryClientProvider client={client}>
				<RouterProvider router={router} />
			</QueryClientProvider>
		</ConfigProvider>
	);
}
