/* Backups, as a system administrator does it: made with a passphrase, checked, fetched, deleted after a question; also on a telephone and in English. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { api, first, open, row, shot, still, until, type Watched } from './page';
import { platform, stopAll } from './server';

const program = inject('servers').program;
const why = program ? '' : inject('servers').why || 'needs the program';
let w: Watched;
let url = '';
let data = '';

describe.skipIf(why)(`backups${why ? ` (${why})` : ''}`, () => {
	beforeAll(async () => {
		const serve = await platform(program);
		({ url, data } = serve);
		w = await open(url);
		await first(w.page, serve.link);
		await w.page.getByText('从这里开始').waitFor();
	});
	afterAll(async () => {
		await w.browser.close();
		await stopAll(data);
	});

	it('makes one with the keys; two passphrases that differ are told at the field', async () => {
		const { page } = w;
		await page.goto(`${url}/backups`);
		await page.getByText('尚无备份').first().waitFor();
		await page.getByRole('button', { name: '建立备份' }).click();
		const form = page.getByRole('dialog');
		await form.getByLabel('密钥口令（可不填）').fill('correct horse');
		await form.getByLabel('再次输入口令').fill('correct');
		await form.getByRole('button', { name: '建立备份' }).click();
		await form.getByText('两次输入的口令不同').waitFor();
		await shot(page, '30-backup-make');
		await form.getByLabel('再次输入口令').fill('correct horse');
		await form.getByRole('button', { name: '建立备份' }).click();
		await form.waitFor({ state: 'hidden' });
		await row(page, '含密钥').waitFor();
		await row(page, '未校验').waitFor();
	});

	it('checks it, and what is fetched has the sum that is shown', async () => {
		const { page } = w;
		await page.getByRole('button', { name: '校验' }).click();
		await row(page, '校验完好').waitFor();
		await shot(page, '31-backups');
		const coming = page.waitForEvent('download');
		await page.getByRole('link', { name: '下载' }).click();
		const file = await coming;
		const [b] = ((await api(page, 'GET', '/backups')).body.items as { id: string; sha256: string }[]);
		expect(file.suggestedFilename()).toBe(`tenon-${b!.id}.tar`);
		expect(createHash('sha256').update(readFileSync(await file.path())).digest('hex')).toBe(b!.sha256);
	});

	it('is complete in English and fits a telephone', async () => {
		const { page } = w;
		await page.getByRole('button', { name: 'English' }).click();
		await page.getByRole('heading', { name: 'Backup' }).waitFor();
		const said = (await page.locator('.page-head, th, td, p, .ant-menu-title-content').allInnerTexts()).join('\n');
		expect(said.match(/[\u4e00-\u9fff]+/g) ?? []).toEqual([]);
		await page.setViewportSize({ width: 390, height: 844 });
		await page.locator('.cards .card').first().waitFor();
		expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
		await page.setViewportSize({ width: 1280, height: 800 });
		await page.getByRole('button', { name: '中文' }).click();
		await page.getByRole('heading', { name: '备份' }).waitFor();
	});

	it('deletes it after a question', async () => {
		const { page } = w;
		await still(page);
		await page.getByRole('button', { name: '删除' }).click();
		await page.getByText(/^删除 .* 的备份？$/).waitFor();
		await page.locator('.ant-popconfirm').getByRole('button', { name: /删\s*除/ }).click();
		await page.getByText('尚无备份').first().waitFor();
		await until('nothing is kept', async () => ((await api(page, 'GET', '/backups')).body.items as unknown[]).length === 0);
		expect(w.foreign).toEqual([]);
		expect(w.complaints).toEqual([]);
	});
});
