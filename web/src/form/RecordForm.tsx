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
import { patternText, placeErrors } from './problem';
import { defaults, faultOf, same, toBody, type Fault, type Values } from './values';

export interface RecordFormHandle {
	/** Checks; gives the body for the server, or null when a field is wrong (it is shown then). */
	read: () => Promise<Values | null>;
	/** Shows what the server refused. */
	refuse: (e: unknown) => void;
}

interface Props {
	type: TypeForm;
	/** Goes in front of the controls' ids, where another form is on the page. */
	name?: string;
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
	/** Put into the fields when it changes: what was picked elsewhere. */
	fill?: Values;
	handle?: Ref<RecordFormHandle>;
}

export function faultText(fault: Fault, t: TFunction): string {
	switch (fault.rule) {
		case 'range': case 'length': case 'count': {
			const bounds = fault.min !== undefined && fault.max !== undefined ? 'between' : fault.min !== undefined ? 'min' : 'max';
			return t(`rule.${fault.rule}_${bounds}`, { min: fault.min, max: fault.max });
		}
		case 'pattern':
			return patternText(fault.pattern, t);
		default:
			return t(`rule.${fault.rule}`);
	}
}

/** {a: {b: 1}} → [["a", "b"]] */
function leaves(v: Values, at: string[] = []): string[][] {
	return Object.entries(v).flatMap(([k, x]) => (x && typeof x === 'object' && !Array.isArray(x) ? [[...at, k], ...leaves(x as Values, [...at, k])] : [[...at, k]]));
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
	useEffect(() => {
		if (p.fill) form.setFieldsValue(p.fill);
	}, [form, p.fill]);
	const values = { ...start, ...(Form.useWatch([], form) as Values | undefined) };

	const fields = editable(p.type).filter((f) => !p.hidden?.includes(f.name) && (!p.only || p.only.includes(f.name)));

	const openWhereWrong = (paths: (string | number)[][]): void => {
		const keys = paths.flatMap((path) => {
			const f = fields.find((x) => x.name === path[0]);
			const inner = f && isNested(f) ? (p.inner ?? innerType)(f, values)?.fields.find((x) => x.name === path[1]) : undefined;
			return f ? [f.group ?? '', ...(inner ? [[f.name, inner.group ?? ''].join('.')] : [])] : [];
		});
		setOpenFolds((s) => new Set([...s, ...keys]));
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
				openWhereWrong((e as { errorFields: { name: (string | number)[] }[] }).errorFields.map((x) => x.name));
				return null;
			}
			const all = { ...start, ...(form.getFieldsValue(true) as Values) };
			return toBody(p.type, all, making, p.inner);
		},
		refuse: (e) => {
			const errors = e instanceof Problem ? e.errors : [];
			const placed = placeErrors(errors, { ...p.type, fields }, t);
			form.setFields(placed.fields.map((x) => ({ name: x.path as string[], errors: x.messages })));
			openWhereWrong(placed.fields.map((x) => x.path));
			setGeneral(placed.rest.length || placed.fields.length ? placed.rest : [problemText(e, t)]);
		},
	}));

	return (
		<div ref={box}>
			{general.length > 0 && <Alert className="gap-below" type="error" showIcon role="alert" title={general.length === 1 ? general[0] : <ul>{general.map((x) => <li key={x}>{x}</li>)}</ul>} />}
			<Form
				form={form} name={p.name} layout="vertical" disabled={p.disabled} initialValues={start} scrollToFirstError={false} autoComplete="off"
				onValuesChange={(changed, v) => {
					/* What is being mended is not called wrong until it is left. */
					form.setFields(leaves(changed as Values).map((name) => ({ name: name as string[], errors: [] })));
					p.onChange?.({ ...start, ...(v as Values) });
				}}
			>
				<Sections fields={fields} path={[]} values={values} base={defaults(p.type)} form={form} making={making} props={p} lang={lang} openFolds={openFolds} setOpenFolds={setOpenFolds} />
			</Form>
		</div>
	);
}

interface SectionProps {
	fields: FormField[];
	path: (string | number)[];
	values: Values;
	/** The defaults, to say how many fields of a folded section are set. */
	base: Values;
	form: FormInstance;
	making: boolean;
	props: Props;
	lang: Lang;
	openFolds: Set<string>;
	setOpenFolds: React.Dispatch<React.SetStateAction<Set<string>>>;
}

/** The first section and those one has to fill in stand open, the others are folded. */
function Sections(s: SectionProps) {
	const { t } = useText();
	return sections(s.fields).map((g, i) => {
		const key = [...s.path, g.group].join('.');
		const grid = <div className="form-grid">{g.fields.map((f) => <FieldItem key={f.name} {...s} f={f} />)}</div>;
		const title = g.group && t(`group.${g.group}`, { defaultValue: g.group });
		if (i === 0 || g.fields.some((f) => has(f, 'required') || isNested(f)))
			return <fieldset className="form-section" key={key}>{title && <legend>{title}</legend>}{grid}</fieldset>;
		const set = g.fields.filter((f) => !same(s.values[f.name], s.base[f.name])).length;
		return (
			<details
				className="form-fold" key={key} open={s.openFolds.has(key)}
				onToggle={(e) => {
					const { open } = e.currentTarget;
					s.setOpenFolds((all) => {
						const next = new Set(all);
						if (open) next.add(key);
						else next.delete(key);
						return next;
					});
				}}
			>
				<summary>{title}<span className="muted small">{set ? t('form.set', { count: set }) : t('form.as_default')}</span></summary>
				{grid}
			</details>
		);
	});
}

interface ItemProps extends SectionProps {
	f: FormField;
}

function FieldItem({ f, ...s }: ItemProps) {
	const { t } = useText();
	const { form, making, props, lang } = s;
	const path = [...s.path, f.name];
	const inner = isNested(f) ? (props.inner ?? innerType)(f, s.values) : undefined;
	if (isNested(f) && !inner) return null;
	if (inner) {
		const shown = editable(inner);
		if (!shown.length) return null;
		const base = defaults(inner);
		return (
			<div className="wide nested">
				<h2>{inner.title ? titleOf(inner, lang) : labelOf(f, lang)}</h2>
				<Sections key={inner.name} {...s} fields={shown} path={path} values={{ ...base, ...(s.values[f.name] as Values | undefined) }} base={base} />
			</div>
		);
	}
	const wide = f.kind === 'text' || f.widget === 'textarea' || f.kind === 'json' || f.kind === 'map' || f.kind === 'flags';
	return (
		<Form.Item
			name={path} label={labelOf(f, lang)} className={wide ? 'wide' : undefined} initialValue={path.length > 1 ? s.values[f.name] : undefined}
			required={has(f, 'required') && !(has(f, 'secret') && !making)}
			extra={props.extra?.[path.join('.')] ?? docOf(f, lang)} validateTrigger="onBlur"
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
