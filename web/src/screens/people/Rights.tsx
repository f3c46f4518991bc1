/* The rights of a role in plain words, by what they are about. */
import { Checkbox } from 'antd';
import { useText } from '../../app/lang';
import { labelOf, type Word } from '../../form/description';

const GROUPS: { key: string; of: string[] }[] = [
	{ key: 'plant', of: ['point', 'link', 'trend'] },
	{ key: 'data', of: ['sample', 'command', 'sql'] },
	{ key: 'people', of: ['user', 'role', 'token'] },
	{ key: 'platform', of: ['tenant', 'audit', 'system'] },
];

export function Rights({ id, words, value, disabled, onChange }: { id?: string; words: Word[]; value?: string[]; disabled?: boolean; onChange?: (v: unknown) => void }) {
	const { t, lang } = useText();
	const has = new Set(value ?? []);
	const groupOf = (w: Word): string => GROUPS.find((g) => g.of.includes(w.word.split('.')[0]!))?.key ?? 'other';
	const set = (word: string, on: boolean): void => {
		if (on) has.add(word);
		else has.delete(word);
		onChange?.(words.map((w) => w.word).filter((w) => has.has(w)));
	};
	return (
		<div id={id}>
			{[...GROUPS.map((g) => g.key), 'other'].map((key) => {
				const own = words.filter((w) => groupOf(w) === key);
				if (!own.length) return null;
				return (
					<fieldset className="rights-group" key={key}>
						<legend>{t(`rights.${key}`)}</legend>
						{own.map((w) => <Checkbox key={w.word} checked={has.has(w.word)} disabled={disabled} onChange={(e) => set(w.word, e.target.checked)}>{labelOf(w, lang)}</Checkbox>)}
					</fieldset>
				);
			})}
		</div>
	);
}
