import { BulbFilled, BulbOutlined, DesktopOutlined } from '@ant-design/icons';
import { Button, Dropdown } from 'antd';
import { APPEARANCES, chooseAppearance, useAppearance } from './appearance';
import { useText } from './lang';

const ICONS = { system: <DesktopOutlined />, light: <BulbOutlined />, dark: <BulbFilled /> };

/** As the system has it, light, or dark. */
export function ThemeSwitch() {
	const { t } = useText();
	const chosen = useAppearance();
	return (
		<Dropdown
			trigger={['click']}
			menu={{ selectable: true, selectedKeys: [chosen], items: APPEARANCES.map((a) => ({ key: a, icon: ICONS[a], label: t(`theme.${a}`), onClick: () => chooseAppearance(a) })) }}
		>
			<Button type="text" className="top-button" icon={ICONS[chosen]} aria-label={t('shell.theme')} title={t('shell.theme')} />
		</Dropdown>
	);
}
