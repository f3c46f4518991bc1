/*
 * The simulated plant in pictures: a tile for each device by place, the pictures of oven, machining centre and energy meter with live values, in both
 * languages, wide and narrow, light and dark; a unit that does not answer looks so.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { api, first, open, settled, shot, still, until, type Watched } from './page';
import { platform, stopAll } from './server';

const program = inject('servers').program;
const why = program ? '' : inject('servers').why || 'needs the program';
const AXE = readFileSync(new URL('../../web/node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
let w: Watched;
let url = '';
let data = '';
const ids: Record<string, string> = {};
/** The list of all values below a picture is looked at once, with the device that does not answer: its cards are all alike. */
const axe = (exclude: string[] = ['.gauge-cards']): Promise<string[]> => w.page.evaluate(`${AXE}; axe.run({ include: [['main']], exclude: ${JSON.stringify(exclude.map((e) => [e]))} }, { runOnly: ['wcag2a', 'wcag2aa'] }).then((r) => r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.target.join(' ')).join(', ')))`);
const over = (): Promise<number> => w.page.evaluate(() => Math.max(document.documentElement.scrollWidth - innerWidth, document.querySelector('main')!.scrollWidth - document.querySelector('main')!.clientWidth));
const fault = async (id: string, on: boolean): Promise<void> => expect((await api(w.page, 'PUT', `/demo/faults/${id}`, { on })).status).toBe(200);
/** Every value of the picture has come, and is good. */
const isLive = (): Promise<void> => until('all values are there', async () => (await w.page.locator('.picture .pic-tag').count()) > 8 && (await w.page.locator('.picture .pic-tag-word').count()) === 0);

describe.skipIf(why)(`pictures${why ? ` (${why})` : ''}`, () => {
	beforeAll(async () => {
		process.env.TENON_LANG = 'en';           // the plant's names: what is Chinese on an English screen is then a word of ours
		const serve = await platform(program, '--demo');
		({ url, data } = serve);
		w = await open(url);
		const { page } = w;
		await first(page, serve.link);
		await page.getByRole('menuitem', { name: '总览图' }).waitFor();
		for (const d of (await api(page, 'GET', '/devices')).body.items as { id: string; code: string }[]) ids[d.code] = d.id;
	});
	afterAll(async () => {
		await w.browser.close();
		await stopAll(data);
	});

	it('show the plant by place, a tile with state and values for each device, and lead to it by keyboard', async () => {
		const { page } = w;
		await page.getByRole('menuitem', { name: '总览图' }).click();
		const line = page.getByRole('region', { name: 'Demonstration plant / Workshop / Machining line' });
		await line.scrollIntoViewIfNeeded();             // a tile off the screen asks nothing
		await line.getByText('r/min').waitFor();
		await line.locator('.tile-state', { hasText: /运行|调整|空闲/ }).waitFor();
		expect(await page.locator('.tile').count()).toBe(7);
		expect(await axe()).toEqual([]);
		await shot(page, '30-plant');
		await page.getByPlaceholder('查找位置、采集设备').fill('coating');
		await until('one is left', async () => (await page.locator('.tile').count()) === 1);
		await page.getByRole('link', { name: 'Curing oven 1' }).press('Enter');
		await page.getByRole('heading', { name: 'Curing oven 1' }).waitFor();
		await page.goto(`${url}/r/devices/${ids['cnc-1']}`);
		await page.getByRole('button', { name: '总览图' }).click();
		await page.getByRole('region', { name: '加工中心总览图' }).waitFor();
	});

	it('draw oven, machining centre and meter, for everybody, in both languages', async () => {
		const { page } = w;
		const at = async (device: string, lang: string, scheme: string, layout: string, named: string): Promise<void> => {
			await page.goto(`${url}/picture/${ids[device]}`);
			await page.getByRole('region', { name: named }).locator(`svg.${layout}`).waitFor();
			await isLive();
			await still(page);
			expect(await axe(), `${device} ${lang} ${scheme} ${layout}`).toEqual([]);
			await shot(page, `31-${device}-${lang}-${scheme}`);
		};
		await at('oven-1', 'zh', 'light', 'wide', '三温区炉总览图');
		await page.getByText('温区 2').waitFor();
		await at('cnc-1', 'zh', 'light', 'wide', '加工中心总览图');
		await page.getByText('本批进度').waitFor();
		await at('meter-main', 'zh', 'light', 'wide', '电能表总览图');
		await page.getByText('计量中').waitFor();
		await page.getByRole('button', { name: 'English' }).click();
		await page.emulateMedia({ colorScheme: 'dark' });
		await page.setViewportSize({ width: 390, height: 844 });
		for (const [device, named] of [['oven-1', 'Three-zone oven'], ['cnc-1', 'Machining centre'], ['meter-main', 'Energy meter']] as const) {
			await at(device, 'en', 'dark', 'narrow', `Overview picture: ${named}`);
			await page.setViewportSize({ width: 390, height: 844 });
			expect(await over(), device).toBeLessThanOrEqual(1);
			const texts = [...await page.locator('main').allInnerTexts(), ...await page.locator('main svg title, main [aria-label]').evaluateAll((all) => all.map((e) => e.getAttribute('aria-label') ?? e.textContent ?? ''))];
			expect(texts.join('\n').match(/[\u4e00-\u9fff]+/g) ?? [], device).toEqual([]);
		}
		await page.setViewportSize({ width: 1280, height: 800 });
		await page.emulateMedia({ colorScheme: 'light' });
		await page.getByRole('button', { name: '中文' }).click();
	}, 180_000);

	it('say and show what a device that does not answer no longer tells, and put it first when asked', async () => {
		const { page } = w;
		await page.goto(`${url}/picture/${ids['oven-1']}`);
		await isLive();
		await fault('oven-1.dead', true);
		await page.locator('.picture .pic-state.is-unknown', { hasText: '状态未知' }).waitFor();
		await page.getByRole('link', { name: 'Zone 1 temperature: 坏：通信中断' }).first().waitFor();
		await until('no value is shown', async () => (await page.locator('.picture .pic-tag-value').count()) === 0);
		expect(await axe([])).toEqual([]);
		await shot(page, '32-oven-silent');
		await page.goto(`${url}/picture`);
		await page.getByText('异常优先').click();
		await until('the oven is first', async () => (await page.locator('.tile').first().getAttribute('data-device')) === 'oven-1');
		await page.locator('.tile', { hasText: 'Curing oven 1' }).getByText('✕ 无应答').waitFor();
		await shot(page, '33-worst-first');
		await fault('oven-1.dead', false);
	});

	it('lead from a value to its trend by keyboard', async () => {
		const { page } = w;
		await page.goto(`${url}/picture/${ids['cnc-1']}`);
		await page.getByRole('link', { name: /^Spindle speed: / }).first().press('Enter');
		await page.locator('.trend-plot canvas').waitFor();
		expect([w.foreign, w.complaints]).toEqual([[], []]);
	});
});
