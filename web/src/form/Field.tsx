/* One field of a description → one control. */
import { AutoComplete, Button, Checkbox, DatePicker, Input, InputNumber, Segmented, Select, Switch } from 'antd';
import { DeleteOutlined, PlusOutlined } from '@ant-design/icons';
import dayjs from 'dayjs';
import { useDrivers } from '../api/calls';
import { useText } from '../app/lang';
import { THIN } from '../lib/format';
import type { FormField } from './description';
import { has, labelOf, titleOf } from './description';
import { Rights } from '../screens/people/Rights';
import { PlaceSelect } from './PlaceSelect';
import { RefSelect } from './RefSelect';

export interface ControlProps {
	field: FormField;
	/** The id for the label. Given by Form.Item, as are value and onChange. */
	id?: string;
	value?: unknown;
	onChange?: (v: unknown) => void;
	disabled?: boolean;
	/** Making a record: secrets are asked for, immutable fields are open. */
	making: boolean;
	/** Narrows what a reference offers: {device: "…"}. */
	within?: Record<string, string | undefined>;
}

const PERIODS = ['100ms', '200ms', '500ms', '1s', '2s', '5s', '10s', '30s', '1m', '5m', '15m', '1h'];

export function Control(p: ControlProps) {
	const { t, lang } = useText();
	const { field: f, id, value, onChange } = p;
	const disabled = p.disabled || (has(f, 'immutable') && !p.making);
	const label = labelOf(f, lang);
	const common = { id, disabled, 'aria-required': has(f, 'required') || undefined };
	const options = (f.words ?? []).map((w) => ({ value: w.word, label: labelOf(w, lang) }));
	const clearable = !has(f, 'required');

	switch (f.kind) {
		case 'bool':
			return <Switch {...common} aria-label={label} checked={Boolean(value)} onChange={onChange} checkedChildren={t('word.on')} unCheckedChildren={t('word.off')} />;
		case 'i32': case 'u32': case 'i64': case 'u64': case 'f64': case 'dec':
			return (
				<InputNumber
					{...common} value={value as number} onChange={onChange} style={{ width: '100%' }} keyboard
					precision={f.kind === 'dec' ? f.scale : undefined} suffix={f.unit ? <span className="muted">{f.unit}</span> : undefined}
				/>
			);
		case 'duration':
			return (
				<AutoComplete
					{...common} value={(value as string) ?? ''} onChange={onChange} placeholder="1s"
					options={PERIODS.map((d) => ({ value: d }))} popupMatchSelectWidth={false}
				/>
			);
		case 'time':
			return (
				<DatePicker
					{...common} showTime style={{ width: '100%' }} value={value ? dayjs(value as string) : null}
					onChange={(d) => onChange?.(d ? d.toDate().toISOString() : null)}
				/>
			);
		case 'date':
			return (
				<DatePicker
					{...common} style={{ width: '100%' }} value={value ? dayjs(value as string) : null}
					onChange={(d) => onChange?.(d ? d.format('YYYY-MM-DD') : null)}
				/>
			);
		case 'enum':
			return options.length > 0 && options.length <= 3 && !clearable
				? <Segmented {...common} aria-label={label} value={value as string} onChange={onChange} options={options} />
				: <Select {...common} value={(value as string) || undefined} onChange={(v) => onChange?.(v ?? null)} options={options} allowClear={clearable && f.default === undefined} showSearch={options.length > 8} optionFilterProp="label" />;
		case 'flags':
			if (f.name === 'permissions') return <Rights id={id} disabled={disabled} words={f.words ?? []} value={value as string[]} onChange={onChange} />;
			return options.length <= 8
				? <Checkbox.Group {...common} value={value as string[]} onChange={onChange} options={options} />
				: <Select {...common} mode="multiple" value={(value as string[]) ?? []} onChange={onChange} options={options} optionFilterProp="label" />;
		case 'ref':
			if (f.ref === 'place' && f.name === 'place') return <PlaceSelect {...common} value={value as string} onChange={onChange} />;
			return <RefSelect {...common} noun={f.ref ?? ''} value={value as string} onChange={onChange} clearable={clearable} within={p.within} />;
		case 'list':
			return <ListControl {...p} disabled={disabled} />;
		case 'map':
			return <Pairs id={id} value={value as Record<string, string>} onChange={onChange} disabled={disabled} />;
		case 'text':
			return <Input.TextArea {...common} value={(value as string) ?? ''} onChange={(e) => onChange?.(e.target.value)} autoSize={{ minRows: 2, maxRows: 8 }} />;
		case 'json': case 'rec': case 'variant':
			return <Input.TextArea {...common} className="mono" spellCheck={false} value={typeof value === 'string' ? value : value ? JSON.stringify(value, null, 2) : ''} onChange={(e) => onChange?.(e.target.value)} autoSize={{ minRows: 3, maxRows: 16 }} />;
		default:
			if (f.widget === 'driver') return <DriverSelect {...common} value={value as string} onChange={onChange} />;
			if (f.widget === 'textarea') return <Input.TextArea {...common} value={(value as string) ?? ''} onChange={(e) => onChange?.(e.target.value)} autoSize={{ minRows: 2, maxRows: 8 }} />;
			if (has(f, 'secret'))
				return <Input.Password {...common} autoComplete="new-password" value={(value as string) ?? ''} onChange={(e) => onChange?.(e.target.value)} placeholder={p.making ? undefined : t('form.secret_kept')} />;
			return (
				<Input
					{...common} value={(value as string) ?? ''} onChange={(e) => onChange?.(e.target.value)} spellCheck={false}
					suffix={f.unit ? <span className="muted">{THIN}{f.unit}</span> : undefined}
				/>
			);
	}
}

function DriverSelect({ value, onChange, ...common }: { id?: string; disabled?: boolean; value?: string; onChange?: (v: unknown) => void }) {
	const { lang } = useText();
	const drivers = useDrivers();
	return <Select {...common} value={value || undefined} onChange={onChange} loading={drivers.isPending} options={drivers.data?.map((d) => ({ value: d.name, label: titleOf(d, lang) }))} />;
}

function ListControl(p: ControlProps) {
	const { field: f, id, value, onChange, disabled } = p;
	const { lang } = useText();
	const list = (value as string[]) ?? [];
	if (f.item === 'ref' || f.ref) return <RefSelect id={id} disabled={disabled} noun={f.ref ?? ''} many value={list} onChange={onChange} within={p.within} />;
	const words = f.words?.map((w) => ({ value: w.word, label: labelOf(w, lang) }));
	return <Select id={id} disabled={disabled} mode={words ? 'multiple' : 'tags'} value={list} onChange={onChange} options={words} tokenSeparators={words ? undefined : [',', ' ']} optionFilterProp="label" />;
}

/** Text → text, in the order given: state texts 0=停机. */
function Pairs({ id, value, onChange, disabled }: { id?: string; value?: Record<string, string> | null; onChange?: (v: unknown) => void; disabled?: boolean }) {
	const { t } = useText();
	const rows = Object.entries(value ?? {});
	const put = (next: [string, string][]): void => onChange?.(next.length ? Object.fromEntries(next) : null);
	const nextKey = (): string => {
		let n = rows.length;
		while (rows.some(([k]) => k === String(n))) n++;
		return String(n);
	};
	return (
		<div id={id}>
			{rows.map(([k, v], i) => (
				<div className="pairs" key={i}>
					<Input disabled={disabled} value={k} aria-label={t('form.pair_key')} onChange={(e) => put(rows.map((r, j) => (j === i ? [e.target.value, r[1]] : r)))} />
					<Input disabled={disabled} value={v} aria-label={t('form.pair_value')} onChange={(e) => put(rows.map((r, j) => (j === i ? [r[0], e.target.value] : r)))} />
					<Button disabled={disabled} type="text" icon={<DeleteOutlined />} aria-label={t('action.remove')} onClick={() => put(rows.filter((_, j) => j !== i))} />
				</div>
			))}
			<Button disabled={disabled} size="small" icon={<PlusOutlined />} onClick={() => put([...rows, [nextKey(), '']])}>{t('action.add_row')}</Button>
		</div>
	);
}
