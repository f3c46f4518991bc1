import type { Driver } from '../api/contract';
import { useText } from '../app/lang';

/** How addresses are written for this driver. */
export function AddressHint({ driver, plain }: { driver: Driver; plain?: boolean }) {
	const { t, lang } = useText();
	const a = driver.address;
	if (!a) return null;
	const hint = lang === 'zh' ? a.hint_zh || a.hint : a.hint;
	const examples = a.examples?.slice(0, plain ? 4 : undefined).map((x) => <span key={x}><code>{x}</code> </span>);
	return plain ? <span className="hint-plain">{hint} {examples}</span> : <p className="hint"><b>{t('field.address')}</b> {hint} {examples}</p>;
}
