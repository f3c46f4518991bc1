/* The fault panel of the demonstration plant: a card a machine, a switch a fault, and for each where it shows. */
import { ApiOutlined, LineChartOutlined, MonitorOutlined, UndoOutlined } from '@ant-design/icons';
import { Alert, App as AntApp, Button, Switch } from 'antd';
import { Link } from 'react-router';
import { useLinks, useMay } from '../../api/calls';
import type { LinkRow } from '../../api/contract';
import { machinesOf, placeToLook, useFaults, useSwitch, type DemoFault, type Machine } from '../../api/demo';
import { useTitle } from '../../app/hooks';
import { useText } from '../../app/lang';
import { problemText } from '../../app/problems';
import { formatDateTime, formatRecent } from '../../lib/format';
import { LinkNote } from '../Plant';

export function Faults() {
	const { t } = useText();
	const faults = useFaults();
	const links = useLinks(1000);
	const turn = useSwitch();
	const may = useMay()('command.send');
	const { message } = AntApp.useApp();
	useTitle(t('demo.title'), t('product'));
	const items = faults.data ?? [];
	const broken = items.filter((f) => f.on);
	const set = (f: DemoFault, on: boolean): Promise<unknown> => turn.mutateAsync({ id: f.id, on }).catch((e: unknown) => void message.error(problemText(e, t)));
	const mendAll = async (): Promise<void> => {
		for (const f of broken) await set(f, false);
	};
	return (
		<>
			<div className="page-head">
				<h1>{t('demo.title')}</h1>
				<Button icon={<UndoOutlined />} disabled={!broken.length || !may} onClick={() => void mendAll()}>{t('demo.mend_all')}</Button>
			</div>
			{faults.error && <Alert type="error" showIcon title={problemText(faults.error, t)} />}
			<p className="demo-intro">
				{t(may ? 'demo.intro' : 'demo.may_not')}
				<strong role="status" className={broken.length ? 'demo-count is-on' : 'demo-count'}>{broken.length ? t('demo.some_on', { n: broken.length }) : t('demo.none_on')}</strong>
			</p>
			<div className="demo-machines">
				{machinesOf(items).map((m) => <MachineCard key={m.code} machine={m} link={links.data?.find((l) => l.id === m.device)} may={may} onSet={set} />)}
			</div>
		</>
	);
}

type Set = (f: DemoFault, on: boolean) => Promise<unknown>;

function MachineCard({ machine, link, may, onSet }: { machine: Machine; link?: LinkRow; may: boolean; onSet: Set }) {
	const { t, lang } = useText();
	const title = lang === 'zh' ? machine.title_zh : machine.title;
	return (
		<section className={machine.on ? 'sheet demo-machine is-on' : 'sheet demo-machine'} aria-label={title}>
			<header className="demo-head">
				<h2>{title}</h2>
				{machine.on > 0 && <span className="demo-since">{t('demo.on_here', { n: machine.on })}</span>}
				<span className="demo-state">{link && <LinkNote link={link} />}</span>
				<span className="demo-ways">
					{machine.device && <Link to={`/live/${machine.device}`}><MonitorOutlined /> {t('menu.live')}</Link>}
					{machine.connection && <Link to={`/collection/${machine.connection}`}><ApiOutlined /> {t('term.connection')}</Link>}
				</span>
			</header>
			<ul className="demo-faults">{machine.faults.map((f) => <FaultRow key={f.id} fault={f} of={title} may={may} onSet={onSet} />)}</ul>
		</section>
	);
}

function FaultRow({ fault, of, may, onSet }: { fault: DemoFault; of: string; may: boolean; onSet: Set }) {
	const { t, lang } = useText();
	const title = lang === 'zh' ? fault.title_zh : fault.title;
	const to = placeToLook(fault);
	const since = fault.on && fault.since ? Date.parse(fault.since) : NaN;
	return (
		<li className={fault.on ? 'demo-fault is-on' : 'demo-fault'}>
			<Switch size="small" checked={fault.on} disabled={!may} aria-label={`${of}: ${title}`} onChange={(on) => void onSet(fault, on)} />
			<span className="demo-what">
				<b>{title}</b>
				{Number.isFinite(since) && <span className="demo-since" title={formatDateTime(since)}>{t('demo.since', { when: formatRecent(since) })}</span>}
				<span className="demo-look">{lang === 'zh' ? fault.look_zh : fault.look}</span>
			</span>
			{to && (
				<Link className="demo-to" to={to} aria-label={`${of}: ${title}: ${t(fault.points.length ? 'menu.trend' : 'term.connection')}`}>
					{fault.points.length ? <LineChartOutlined /> : <ApiOutlined />} {t(fault.points.length ? 'menu.trend' : 'term.connection')}
				</Link>
			)}
		</li>
	);
}
