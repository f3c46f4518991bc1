import { Link } from 'react-router';
import { useText } from '../app/lang';

export function NotFound() {
	const { t } = useText();
	return (
		<div className="empty">
			<h2>{t('error.not_found')}</h2>
			<p><Link to="/">{t('menu.overview')}</Link></p>
		</div>
	);
}
