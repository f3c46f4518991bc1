import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const dist = join(import.meta.dirname, '../dist');

describe.skipIf(!existsSync(join(dist, 'index.html')))('what was built', () => {
	const html = existsSync(join(dist, 'index.html')) ? readFileSync(join(dist, 'index.html'), 'utf8') : '';
	const files = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)].map((m) => m[1]!);
	it('signs people in with at most 300 KB over the wire', () => {
		expect(files.length).toBeGreaterThan(1);
		const bytes = files.reduce((n, f) => n + statSync(join(dist, `${f}.gz`)).size, statSync(join(dist, 'index.html.gz')).size);
		expect(bytes / 1024).toBeLessThan(300);
	});
	it('names no other host and has nothing inline that a strict policy refuses', () => {
		expect(html).not.toMatch(/https?:\/\//);
		expect(html).not.toMatch(/<script(?![^>]*\bsrc=)[^>]*>/);
		expect(html).not.toMatch(/\son\w+=/);
	});
});
