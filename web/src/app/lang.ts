import { useTranslation } from 'react-i18next';
import type { Lang } from '../form/description';

/** Translation function and language in one. */
export function useText() {
	const { t, i18n } = useTranslation();
	return { t, lang: (i18n.language === 'en' ? 'en' : 'zh') as Lang };
}
