/* Small parts that the tables of a connection share. */
import type { LinkRow } from '../../api/contract';
import { useText } from '../../app/lang';
import { formatCount, formatDateTime, formatRecent, THIN } from '../../lib/format';

export function Count({ n, warn = false }: { n: number | undefined; warn?: boolean }) {
	if (n === undefined) return <span className="muted">–</span>;
	return <span className={warn && n > 0 ? 'q-uncertain' : ''}>{formatCount(n)}</span>;
}

/** Points, and how many of them are bad. */
export function Points({ link }: { link: LinkRow | undefined }) {
	const { t } = useText();
	if (link?.points === undefined) return <span className="muted">–</span>;
	return <>{formatCount(link.points)}{link.points_bad ? <> <span className="q-bad small">{t('plant.bad', { n: formatCount(link.points_bad) })}</span></> : null}</>;
}

const rate = (n: number): string => (n < 10 ? n.toFixed(2) : n < 100 ? n.toFixed(1) : formatCount(n));

/** Values a second: achieved of asked; below 95 % it is marked. */
export function Rate({ reached, asked }: { reached: number | undefined; asked: number | undefined }) {
	const { t } = useText();
	if (reached === undefined || asked === undefined) return <span className="muted">–</span>;
	return <span className={asked > 0 && reached < asked * 0.95 ? 'q-uncertain' : ''}>{rate(reached)}<span className="muted"> / {rate(asked)}{THIN}{t('unit.values_per_s')}</span></span>;
}

export function Since({ link }: { link: LinkRow | undefined }) {
	if (!link?.since) return <span className="muted">–</span>;
	const ms = Date.parse(link.since);
	return <time className="muted nowrap" dateTime={link.since} title={formatDateTime(ms)}>{formatRecent(ms)}</time>;
}
