/* What points become one line, how their values are put together, and of which data labels they are. */
import { GroupOutlined } from '@ant-design/icons';
import { Button, Popover, Select } from 'antd';
import { useText } from '../app/lang';
import { RefSelect } from '../form/RefSelect';
import { ACROSS, GROUPS, type Across, type GroupBy, type TrendState } from './state';
import { isGrouped } from './useGroups';

interface Props {
	state: TrendState;
	onChange: (next: Partial<TrendState>) => void;
}

export function Grouping({ state, onChange }: Props) {
	const { t } = useText();
	const on = isGrouped(state);
	const text = on ? `${t(`group_by.${state.group}`)} · ${t(`across.${state.across}`)}` : undefined;
	const content = (
		<div className="trend-ranges trend-grouping">
			<label><span>{t('trend.group_by')}</span>
				<Select<GroupBy> size="small" value={state.group} aria-label={t('trend.group_by')} onChange={(group) => onChange({ group })} options={GROUPS.map((g) => ({ value: g, label: t(`group_by.${g}`) }))} />
			</label>
			<label><span>{t('trend.across')}</span>
				<Select<Across> size="small" disabled={!on} value={state.across} aria-label={t('trend.across')} onChange={(across) => onChange({ across })} options={ACROSS.map((a) => ({ value: a, label: t(`across.${a}`) }))} />
			</label>
			<label><span>{t('term.label')}</span>
				<RefSelect noun="label" many disabled={!on} value={state.labels} onChange={(v) => onChange({ labels: (v as string[] | null) ?? [] })} placeholder={t('trend.group_labels')} />
			</label>
			<p className="muted small">{t('trend.group_help')}</p>
		</div>
	);
	return (
		<Popover trigger="click" placement="bottomLeft" title={t('trend.group_title')} content={content}>
			<Button size="small" type={on ? 'primary' : 'default'} ghost={on} icon={<GroupOutlined />} aria-label={t('trend.group_title')} title={t('trend.group_title')}>{text}</Button>
		</Popover>
	);
}
