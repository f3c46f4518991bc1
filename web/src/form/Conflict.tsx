/* Somebody else changed the record while it was being edited: which fields, what they say, and whose word counts. */
import { useState } from 'react';
import { Modal, Radio } from 'antd';
import type { Rec } from '../api/contract';
import { useText } from '../app/lang';
import { showField } from '../list/cells';
import { labelOf, type TypeForm } from './description';
import { same, type Values } from './values';

interface Props {
	type: TypeForm;
	before: Values;
	mine: Values;
	current: Rec;
	/** What to send on top of the current record; null: drop my changes. */
	onSettle: (patch: Values | null) => void;
	onCancel: () => void;
}

export function Conflict({ type, before, mine, current, onSettle, onCancel }: Props) {
	const { t, lang } = useText();
	const contested = type.fields.filter((f) => f.name in mine && !same(mine[f.name], current[f.name]));
	const theirs = type.fields.filter((f) => !(f.name in mine) && f.name in current && !same(before[f.name], current[f.name]) && !f.flags?.includes('readonly'));
	const [choice, setChoice] = useState<Record<string, 'mine' | 'theirs'>>({});
	const settle = (): void => {
		const patch: Values = {};
		for (const f of contested) if ((choice[f.name] ?? 'mine') === 'mine') patch[f.name] = mine[f.name];
		onSettle(Object.keys(patch).length ? patch : null);
	};
	return (
		<Modal open title={t('conflict.title')} onOk={settle} onCancel={onCancel} okText={t('conflict.save')} width={720}>
			<p className="muted">{t('conflict.text')}</p>
			<table className="diff">
				<thead><tr><th>{t('conflict.field')}</th><th>{t('conflict.before')}</th><th>{t('conflict.mine')}</th><th>{t('conflict.theirs')}</th></tr></thead>
				<tbody>
					{contested.map((f) => (
						<tr key={f.name}>
							<td>{labelOf(f, lang)}</td>
							<td className="muted">{showField(f, before[f.name], lang)}</td>
							<td colSpan={2}>
								<Radio.Group
									value={choice[f.name] ?? 'mine'} onChange={(e) => setChoice((c) => ({ ...c, [f.name]: e.target.value as 'mine' | 'theirs' }))}
									options={[
										{ value: 'mine', label: <>{t('conflict.mine')}: <b>{showField(f, mine[f.name], lang)}</b></> },
										{ value: 'theirs', label: <>{t('conflict.theirs')}: <b>{showField(f, current[f.name], lang)}</b></> },
									]}
								/>
							</td>
						</tr>
					))}
					{theirs.map((f) => (
						<tr key={f.name}>
							<td>{labelOf(f, lang)}</td>
							<td className="muted">{showField(f, before[f.name], lang)}</td>
							<td className="muted">{t('conflict.untouched')}</td>
							<td><b>{showField(f, current[f.name], lang)}</b></td>
						</tr>
					))}
				</tbody>
			</table>
		</Modal>
	);
}
