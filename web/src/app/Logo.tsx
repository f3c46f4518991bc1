import tenon from '../assets/tenon.svg';
import { useText } from './lang';

/** The mark and the name: 榫卯 Tenon for Chinese readers. */
export function Logo({ size = 22, light = false }: { size?: number; light?: boolean }) {
	const { lang } = useText();
	return (
		<span className={light ? 'logo logo-light' : 'logo'} style={{ fontSize: size * 0.78 }}>
			<img src={tenon} width={size} height={size} alt="" />
			{lang === 'zh' ? '榫卯 Tenon' : 'Tenon'}
		</span>
	);
}
