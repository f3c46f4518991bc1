/* The plant by place, a tile for every device; a tile leads to the device's picture. */
import { useMemo, useRef, useState } from 'react';
import { Alert, Button, Input, Segmented, type InputRef } from 'antd';
import { Link } from 'react-router';
import { useAll, useLinks } from '../api/calls';
import type { Device, Place } from '../api/contract';
import { useNarrow, useSearchKey, useTitle } from '../app/hooks';
import { useText } from '../app/lang';
import { usePrefs } from '../app/prefs';
import { problemText } from '../app/problems';
import { formatCount } from '../lib/format';
import { plantTree } from '../lib/tree';
import { byPlace, byState, filtered } from '../picture/order';
import { Tile } from '../picture/Tile';
import { usePlantStates } from '../picture/usePlantStates';

export function Pictures() {
	const { t } = useText();
	const { pictureOrder, set } = usePrefs();
	const narrow = useNarrow();
	const [text, setText] = useState('');
	const search = useRef<InputRef>(null);
	useSearchKey(search);
	useTitle(t('menu.pictures'), t('product'));
	const places = useAll<Place>('places');
	const devices = useAll<Device>('devices');
	const links = useLinks();
	const byId = useMemo(() => new Map(devices.data?.items.map((d) => [d.id, d])), [devices.data]);
	const states = useMemo(() => new Map(links.data?.map((l) => [l.id, l])), [links.data]);
	const home = useMemo(() => byPlace(plantTree(places.data?.items ?? [], devices.data?.items ?? [], t('plant.unplaced'))), [places.data, devices.data, t]);
	const machines = usePlantStates(pictureOrder === 'state');
	const sections = useMemo(() => filtered(pictureOrder === 'state' ? byState(home, states, machines) : home, byId, text), [home, pictureOrder, states, machines, byId, text]);
	const fault = places.error ?? devices.error;
	if (fault) return <Alert type="error" showIcon title={problemText(fault, t)} />;
	if (!places.data || !devices.data) return <div className="loading" role="status" />;
	if (!devices.data.items.length) return <><h1>{t('menu.pictures')}</h1><div className="sheet empty"><h2>{t('plant.no_devices')}</h2><p>{t('plant.no_devices_text')}</p><Link to="/add"><Button type="primary">{t('menu.add')}</Button></Link></div></>;
	return (
		<>
			<div className="page-head">
				<h1>{t('menu.pictures')} <span className="sub">{t('picture.devices', { n: formatCount(devices.data.items.length) })}</span></h1>
				<Input
					ref={search} allowClear value={text} style={{ width: 200 }} placeholder={t('plant.tree_search')} aria-label={t('plant.tree_search')} suffix={text || narrow ? undefined : <kbd>/</kbd>}
					onChange={(e) => setText(e.target.value)} onKeyDown={(e) => { if (e.key === 'Escape') { setText(''); search.current?.blur(); } }}
				/>
				<Segmented
					aria-label={t('picture.order')} value={pictureOrder} onChange={(v) => set({ pictureOrder: v })}
					options={[{ value: 'place' as const, label: t('picture.by_place') }, { value: 'state' as const, label: t('picture.by_state') }]}
				/>
			</div>
			{!sections.length && <div className="sheet empty"><h2>{t('list.nothing_found')}</h2></div>}
			{sections.map((s) => (
				<section key={s.key} className="tile-section" aria-label={s.titles.join(' / ') || t('menu.pictures')}>
					{s.titles.length > 0 && <h2>{s.titles.length > 1 && <span className="muted">{s.titles.slice(0, -1).join(' / ')} / </span>}{s.titles[s.titles.length - 1]}</h2>}
					<ul className="tiles">{s.devices.map((id) => <Tile key={id} device={byId.get(id)!} link={states.get(id)} />)}</ul>
				</section>
			))}
		</>
	);
}
