/* How programs send samples by themselves: the doors of the interface, each as what one would type (src/api/samples.md). */
import { Tabs, Typography } from 'antd';
import { useText } from '../app/lang';

/** title: of a product; ours are words of the reader's language. */
export interface Door { key: string; title: string; text: string }

/** What to type, for the platform at this address. */
export function doorsAt(origin: string): Door[] {
	return [
		{ key: 'prometheus', title: 'Prometheus', text: `remote_write:\n  - url: ${origin}/api/v1/prometheus/write\n    authorization: {credentials: tnn_…}` },
		{ key: 'lines', title: 'InfluxDB', text: `curl ${origin}/api/v1/write -H 'Authorization: Bearer tnn_…' --data-binary 'boiler temp=81.5,state="run"'` },
		{ key: 'batches', title: '', text: `curl ${origin}/api/v1/write -H 'Authorization: Bearer tnn_…' -H 'Content-Type: application/vnd.tenon.batch' --data-binary @samples.batch` },
	];
}

export function SendIn() {
	const { t } = useText();
	const words: Record<string, string> = { prometheus: t('send.prometheus'), lines: t('send.lines'), batches: t('send.batches') };
	return (
		<section aria-label={t('send.title')}>
			<h2 style={{ marginTop: 18 }}>{t('send.title')}</h2>
			<p className="muted">{t('send.how')}</p>
			<Tabs
				size="small"
				items={doorsAt(window.location.origin).map((d) => ({
					key: d.key, label: d.title || t('send.batches_title'),
					children: (
						<>
							<p>{words[d.key]}</p>
							<Typography.Paragraph className="mono" copyable={{ text: d.text }} style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>{d.text}</Typography.Paragraph>
						</>
					),
				}))}
			/>
		</section>
	);
}
