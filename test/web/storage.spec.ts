/* The store of samples, as a system administrator sees it: figures, a check that finds it whole and one that finds damage, merging; on a telephone and in English. */
import { readdirSync, openSync, writeSync, closeSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { api, first, open, shot, until, type Watched } from './page';
import { platform, stopAll } from './server';

const program = inject('servers').program;
const why = program ? '' : inject('servers').why || 'needs the program';
let w: Watched;
let url = '';
let data = '';

/** Files of samples below a folder. */
function files(dir: string): string[] {
	return readdirSync(dir, { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? files(join(dir, e.name)) : /^\d{10}\.parquet$/.test(e.name) ? [join(dir, e.name)] : []));
}

describe.skipIf(why)(`the store of samples${why ? ` (${why})` : ''}`, () => {
	beforeAll(async () => {
		const serve = await platform(program);
		({ url, data } = serve);
		w = await open(url);
		await first(w.page, serve.link);
		await w.page.getByText('从这里开始').waitFor();
		const lines = Array.from({ length: 500 }, (_, i) => `oven temp=${20 + i / 8} ${1767225600 + i * 60}`).join('\n');
		const sent = await w.page.evaluate(async (body) => {
			const session = (await (await fetch('/api/v1/session')).json()) as { csrf?: string };
			const headers = { 'Content-Type': 'text/plain', 'X-CSRF-Token': session.csrf ?? '' };
			return (await fetch('/api/v1/write?precision=s', { method: 'POST', headers, body })).status;
		}, lines);
		expect(sent).toBe(204);
	});
	afterAll(async () => {
		await w.browser.close();
		await stopAll(data);
	});

	it('shows what there is, and merges it', async () => {
		const { page } = w;
		await page.goto(`${url}/storage`);
		await page.getByRole('heading', { name: '历史存储' }).waitFor();
		await page.getByText('一切正常，无需处理').waitFor();
		await page.getByRole('button', { name: '立即合并' }).click();
		await until('the day file is there', async () => ((await api(page, 'GET', '/history/stats')).body.files as number) === 1);
		await page.getByRole('row', { name: /按日\s*1/ }).waitFor();
		await page.getByText('按日').first().waitFor();
		await shot(page, '40-storage');
	});

	it('says how long it is kept, and what would go', async () => {
		const { page } = w;
		await page.getByRole('heading', { name: '历史数据保留期限' }).waitFor();
		await page.getByText('永久').first().waitFor();
		await page.getByLabel('样本：试算天数').fill('90');
		await page.getByText('不会删除任何内容。').waitFor();         // a sample a minute is as good as figures of minutes
		await page.getByLabel('分钟数据：试算天数').fill('90');
		await page.getByText(/2026-01-01 至 2026-01-01 的 500 个样本将不再保留/).waitFor();
		await shot(page, '40-storage-retention');
	});

	it('checks it: whole, then damaged, with the points it concerns', async () => {
		const { page } = w;
		await page.getByRole('button', { name: '检查全部文件' }).click();
		await page.getByText(/检查：完好。共读取 1 个文件、500 个样本/).waitFor();
		const [file] = files(join(data, 'tenants/1/ts'));
		const fd = openSync(file!, 'r+');
		writeSync(fd, Buffer.from([0xa5, 0x5a, 0xa5, 0x5a]), 0, 4, Math.floor(statSync(file!).size / 8));
		closeSync(fd);
		await page.getByRole('button', { name: '检查全部文件' }).click();
		await page.getByText(/处异常/).first().waitFor();
		await page.getByText('部分样本无法读取：请由备份恢复，或修复以保留其余样本').waitFor();
		expect(await page.getByText('一切正常，无需处理').count()).toBe(0);
		await page.getByText('oven/temp').first().waitFor();
		await shot(page, '41-storage-damaged');
	});

	it('is complete in English and fits a telephone', async () => {
		const { page } = w;
		await page.getByRole('button', { name: 'English' }).click();
		await page.getByRole('heading', { name: 'History storage' }).waitFor();
		await page.getByText('Samples', { exact: true }).first().waitFor();
		await page.setViewportSize({ width: 390, height: 844 });
		await page.locator('.cards .card').first().waitFor();
		expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
		await shot(page, '42-storage-phone');
		const said = (await page.locator('.page-head, section, p').allInnerTexts()).join('\n');
		expect(said.match(/[\u4e00-\u9fff]+/g) ?? []).toEqual([]);
		expect(w.foreign).toEqual([]);
		expect(w.complaints).toEqual([]);
	});
});
