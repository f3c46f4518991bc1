/*
 * A form made from a description: sections, rules told while typing, the server's errors at their fields.
 * The form knows nothing of any noun; what is special about one is given by its caller.
 */
import { useEffect, useImperativeHandle, useMemo, useRef, useState, type Ref } from 'react';
import { Alert, Form, type FormInstance } from 'antd';
import type { TFunction } from 'i18next';
import { Problem } from '../api/http';
import { useText } from '../app/lang';
import { problemText } from '../app/problems';
import { Control } from './Field';
import { docOf, editable, has, innerType, isNested, labelOf, sections, titleOf, type FormField, type Inner, type Lang, type TypeForm } from './description';
import { placeErrors } from './problem';
import { defaults, faultOf, same, toBody, type Fault, type Values } from './values';

export interface RecordFormHandle {
	/** Checks; gives the body for the server, or null when a field is wrong (it is shown then). */
	read: () => Promise<Values | null>;
	/** Shows what the server refused. */
	refuse: (e: unknown) => void;
}

interface Props {
	type: TypeForm;
	/** The record to change; without it one is made, from the defaults and `given`. */
	before?: Values;
	given?: Values;
	/** Fields the caller has settled already: kept, not shown. */
	hidden?: string[];
	only?: string[];
	disabled?: boolean;
	/** The types of settings that depend on other fields. */
	inner?: Inner;
	within?: (field: FormField, values: Values) => Record<string, string | undefined> | undefined;
	extra?: Record<string, React.ReactNode>;
	onChange?: (values: Values) => void;
	handle?: Ref<RecordFormHandle>;
}

export function faultText(fault: Fault, t: TFunction): string {
	switch (fault.rule) {
		case 'range': case 'length': case 'count': {
			const bounds = fault.min !== undefined && fault.max !== undefined ? 'between' : fault.min !== undefined ? 'min' : 'max';
			return t(`rule.${fault.rule}_${bounds}`, { min: fault.min, max: fault.max });
		}
		case 'pattern':
			return t('rule.pattern', { pattern: fault.pattern });
		default:
			return t(`rule.${fault.rule}`);
	}
}

export function RecordForm(p: Props) {
	const { t, lang } = useText();
	const [form] = Form.useForm();
	const [general, setGeneral] = useState<string[]>([]);
	const [openFolds, setOpenFolds] = useState<Set<string>>(new Set());
	const box = useRef<HTMLDivElement>(null);
	const making = !p.before;
	const start = useMemo(() => (p.before ? p.before : { ...defaults(p.type), ...p.given }), [p.before, p.type, p.given]);
	useEffect(() => form.setFieldsValue(start), [form, start]);
	const values = { ...start, ...(Form.useWatch([], form) as Values | undefined) };

	const fields = editable(p.type).filter((f) => !p.hidden?.includes(f.name) && (!p.only || p.only.includes(f.name)));
	const groups = sections(fields);

	const openWhereWrong = (names: string[]): void => {
		const wrong = groups.filter((g) => g.fields.some((f) => names.includes(f.name))).map((g) => g.group);
		setOpenFolds((s) => new Set([...s, ...wrong]));
		setTimeout(() => {
			const at = box.current?.querySelector<HTMLElement>('.ant-form-item-has-error input, .ant-form-item-has-error textarea, .ant-form-item-has-error button');
			at?.focus();
			at?.scrollIntoView({ block: 'center' });
		}, 50);
	};

	useImperativeHandle(p.handle, () => ({
		read: async () => {
			setGeneral([]);
			try {
				await form.validateFields();
			} catch (e) {
				openWhereWrong((e as { errorFields: { name: (string | number)[] }[] }).errorFields.map((x) => String(x.name[0])));
				return null;
			}
			const all = { ...start, ...(form.getFieldsValue(true) as Values) };
			return toBody(p.type, all, making, p.inner);
		},
		refuse: (e) => {
			const errors = e instanceof Problem ? e.errors : [];
			const placed = placeErrors(errors, { ...p.type, fields });
			form.setFields(placed.fields.map((x) => ({ name: x.path as string[], errors: x.messages })));
			openWhereWrong(placed.fields.map((x) => String(x.path[0])));
			setGeneral(placed.rest.length || placed.fields.length ? placed.rest : [problemText(e, t)]);
		},
	}));

	const item = (f: FormField, path: (string | number)[], scope: Values): React.ReactNode =>
		<FieldItem key={path.join('.')} f={f} path={path} scope={scope} form={form} making={making} props={p} lang={lang} />;

	return (
		<div ref={box}>
			{general.length > 0 && <Alert className="gap-below" type="error" showIcon role="alert" title={general.length === 1 ? general[0] : <ul>{general.map((x) => <li key={x}>{x}</li>)}</ul>} />}
			<Form form={form} layout="vertical" disabled={p.disabled} initialValues={start} onValuesChange={(_, v) => p.onChange?.({ ...start, ...(v as Values) })} scrollToFirstError={false} autoComplete="off">
				{groups.map((g, i) => {
					const grid = <div className="form-grid">{g.fields.map((f) => item(f, [f.name], values))}</div>;
					const title = g.group && t(`group.${g.group}`, { defaultValue: g.group });
					if (i === 0 || g.fields.some((f) => has(f, 'required') || isNested(f)))
						return <fieldset className="form-section" key={g.group}>{g.group && <legend>{title}</legend>}{grid}</fieldset>;
					const set = g.fields.filter((f) => !same(values[f.name], defaults(p.type)[f.name])).length;
					return (
						<details
							className="form-fold" key={g.group} open={openFolds.has(g.group)}
							onToggle={(e) => {
								const open = (e.target as HTMLDetailsElement).open;
								setOpenFolds((s) => {
									const next = new Set(s);
									if (open) next.add(g.group);
									else next.delete(g.group);
									return next;
								});
							}}
						>
							<summary>{title}<span className="muted small">{set ? t('form.set', { count: set }) : t('form.as_default')}</span></summary>
							{grid}
						</details>
					);
				})}
			</Form>
		</div>
	);
}

interface ItemProps {
	f: FormField;
	path: (string | number)[];
	scope: Values;
	form: FormInstance;
	making: boolean;
	props: Props;
	lang: Lang;
}

function FieldItem({ f, path, scope, form, making, props, lang }: ItemProps) {
	const { t } = useText();
	const inner = isNested(f) ? (props.inner ?? innerType)(f, scope) : undefined;
	if (isNested(f) && !inner) return null;
	if (inner) {
		const value = (scope[f.name] ?? {}) as Values;
		const shown = editable(inner);
		if (!shown.length) return null;
		return (
			<div className="wide">
				<h2>{inner.title ? titleOf(inner, lang) : labelOf(f, lang)}</h2>
				<div className="form-grid nested">
					{shown.map((x) => (
						<FieldItem
							key={`${inner.name}.${x.name}`} f={x} path={[...path, x.name]} scope={{ ...defaults(inner), ...value }}
							form={form} making={making} props={props} lang={lang}
						/>
					))}
				</div>
			</div>
		);
	}
	const wide = f.kind === 'text' || f.widget === 'textarea' || f.kind === 'json' || f.kind === 'map' || f.kind === 'flags';
	const doc = docOf(f, lang);
	const initial = path.length > 1 ? scope[f.name] : undefined;
	return (
		<Form.Item
			name={path} label={labelOf(f, lang)} className={wide ? 'wide' : undefined} initialValue={initial}
			required={has(f, 'required') && !(has(f, 'secret') && !making)}
			extra={props.extra?.[path.join('.')] ?? doc} validateTrigger="onBlur"
			rules={[{
				validator: (_, v) => {
					const fault = faultOf(f, v, making);
					return fault ? Promise.reject(new Error(faultText(fault, t))) : Promise.resolve();
				},
			}]}
		>
			<Control field={f} making={making} within={props.within?.(f, form.getFieldsValue(true) as Values)} />
		</Form.Item>
	);
}
