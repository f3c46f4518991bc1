/* Chooses records of a noun by typing part of their code or name; the server searches. */
import { useMemo, useState } from 'react';
import { useQueries } from '@tanstack/react-query';
import { Select } from 'antd';
import { fetchRecord, keys, useList } from '../api/calls';
import type { Rec } from '../api/contract';
import { useDebounced } from '../app/hooks';
import { pluralOf, useNames } from '../list/useNames';
import { recordTitle } from '../lib/records';

interface Props {
	id?: string;
	noun: string;
	value?: string | string[] | null;
	onChange?: (v: unknown) => void;
	disabled?: boolean;
	many?: boolean;
	clearable?: boolean;
	within?: Record<string, string | undefined>;
	placeholder?: string;
}

export function RefSelect({ id, noun, value, onChange, disabled, many, clearable = true, within, placeholder }: Props) {
	const plural = pluralOf(noun);
	const [typed, setTyped] = useState('');
	const q = useDebounced(typed);
	const list = useList<Rec>(plural, { q: q || undefined, limit: 50, ...within });
	const chosen = useMemo(() => (Array.isArray(value) ? value : value ? [value] : []), [value]);
	const missing = chosen.filter((x) => !list.data?.items.some((r) => r.id === x));
	/* What is chosen but not on the first page still needs its name. */
	const extra = useQueries({
		queries: missing.map((x) => ({ queryKey: [...keys.noun(plural), 'name', x], queryFn: () => fetchRecord(plural, x).then((a) => a.record), staleTime: 60e3 })),
	});
	const devices = useNames('device', noun === 'group');
	/* Scan groups are called alike on many devices. */
	const title = (r: Rec): string => (noun === 'group' && devices.has(String(r.device)) ? `${recordTitle(devices.get(String(r.device))!)} / ${recordTitle(r)}` : recordTitle(r));
	const records = [...(list.data?.items ?? []), ...extra.flatMap((e) => (e.data ? [e.data] : []))];
	return (
		<Select
			style={{ width: '100%' }} id={id} disabled={disabled} mode={many ? 'multiple' : undefined} showSearch filterOption={false} searchValue={typed}
			onSearch={setTyped} loading={list.isFetching} allowClear={clearable} placeholder={placeholder} aria-label={placeholder}
			value={many ? chosen : (chosen[0] ?? undefined)}
			onChange={(v) => {
				setTyped('');
				onChange?.(v ?? null);
			}}
			options={records.map((r) => ({ value: r.id, label: title(r) }))}
		/>
	);
}
