import type { TFunction } from 'i18next';
import { Problem } from '../api/http';

/** One sentence for a person: the server's own, or ours when the server could not be asked. */
export function problemText(e: unknown, t: TFunction): string {
	if (e instanceof Problem) {
		if (e.status === 202) return t('approval.asked');
		if (e.status === 0) return t('error.unreachable');
		if (e.body.detail) return e.body.detail;
		if (e.body.title) return e.body.title;
		return t('error.http', { status: e.status });
	}
	return e instanceof Error ? e.message : String(e);
}
