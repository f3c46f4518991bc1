/* How much long work is under way: nothing while there is none. */
import { Progress } from 'antd';
import { Link } from 'react-router';
import { sumOf, useJobsFeed, useJobsNow } from '../api/jobs';
import { useText } from './lang';

export function JobsBadge() {
	const { t } = useText();
	useJobsFeed();
	const { n, far } = sumOf(useJobsNow().values());
	if (!n) return null;
	const percent = far === undefined ? undefined : Math.floor(100 * far);
	return (
		<Link to="/jobs" className="top-jobs" role="status" aria-label={t('jobs.under_way', { n })}>
			<Progress type="circle" size={22} strokeWidth={12} percent={percent ?? 100} status={percent === undefined ? 'active' : 'normal'} format={() => n} />
		</Link>
	);
}
