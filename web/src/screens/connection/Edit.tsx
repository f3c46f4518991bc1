import { EditOutlined } from '@ant-design/icons';
import { Button } from 'antd';
import { Link } from 'react-router';
import { useText } from '../../app/lang';
import type { SlotProps } from './slots';

export function Edit({ connection }: SlotProps) {
	const { t } = useText();
	return <Link to={`/r/connections/${connection.id}`}><Button icon={<EditOutlined />}>{t('connection.settings')}</Button></Link>;
}
