import { setLanguage } from '../i18n';
import { useText } from './lang';

/** The other language, written in that language. */
export function LanguageSwitch() {
	const { lang } = useText();
	const other = lang === 'zh' ? 'en' : 'zh';
	return (
		<button type="button" className="lang" lang={other === 'zh' ? 'zh-CN' : 'en'} onClick={() => setLanguage(other)}>
			{other === 'zh' ? '中文' : 'English'}
		</button>
	);
}
