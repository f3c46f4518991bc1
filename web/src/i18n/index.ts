import i18n from 'i18next';
import { initReactI18next } from 'react-i18next';
import { setRequestLanguage } from '../api/http';
import type { Lang } from '../form/description';
import en from './en.json';
import zh from './zh.json';

const KEY = 'tenon.language';

function firstLanguage(): Lang {
	const asked = new URLSearchParams(location.search).get('lang');         // the one-time link of `tenon setup`
	if (asked === 'zh' || asked === 'en') {
		localStorage.setItem(KEY, asked);
		return asked;
	}
	const kept = localStorage.getItem(KEY);
	if (kept === 'zh' || kept === 'en') return kept;
	return navigator.languages.some((l) => l.startsWith('zh')) ? 'zh' : 'en';
}

export function setLanguage(lang: Lang): void {
	localStorage.setItem(KEY, lang);
	void i18n.changeLanguage(lang);
}
export const hasChosenLanguage = (): boolean => localStorage.getItem(KEY) !== null;

function onLanguage(lang: string): void {
	document.documentElement.lang = lang === 'zh' ? 'zh-CN' : 'en';
	setRequestLanguage(lang);
}

i18n.on('languageChanged', onLanguage);
void i18n.use(initReactI18next).init({
	resources: { zh: { translation: zh }, en: { translation: en } },
	lng: firstLanguage(),
	fallbackLng: false,
	interpolation: { escapeValue: false },
	returnNull: false,
});

export default i18n;
