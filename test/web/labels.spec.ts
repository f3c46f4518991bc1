/* Data labels, as an engineer uses them: made, put on points, points found by them, a trend of groups, and how long samples are kept by them. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { api, first, open, shot, until, type Watched } from './page';
import { platform, stopAll } from './server';

const program = inject('servers').program;
const why = program ? '' : inject('servers').why || 'needs the program';
let w: Watched;
let url = '';
let data = '';


describe.skipIf(why)(`data labels${why ? ` (${why})` : ''}`, () => {
	const id: Record<string, string> = {};
	beforeAll(async () => {
		const serve = await platform(program);
		({ url, data } = serve);
		w = await open(url);
		await first(w.page, serve.link);
		await w.page.getByText('从这里开始').waitFor();
		/* Two lines with three machines each; an hour of their power and temperature. */
		const now = Math.floor(Date.now() / 1000);
		const lines: string[] = [];
		for (const machine of ['L1-A', 'L1-B', 'L1-C', 'L2-A', 'L2-B'])
			for (let s = 0; s < 3600; s += 20) {
				const power = 20 + machine.charCodeAt(3) % 7 + 5 * Math.sin((s + machine.charCodeAt(1) * 40) / 400);
				if (machine === 'L2-B' && s > 1200 && s < 2000) continue;
				lines.push(`${machine} power=${power.toFixed(3)},temp=${(60 + 8 * Math.sin(s / 900)).toFixed(2)} ${now - 3600 + s}`);
			}
		const sent = await w.page.evaluate(async (body) => {
			const session = (await (await fetch('/api/v1/session')).json()) as { csrf?: string };
			const headers = { 'Content-Type': 'text/plain', 'X-CSRF-Token': session.csrf ?? '' };
			return (await fetch('/api/v1/write?precision=s', { method: 'POST', headers, body })).status;
		}, lines.join('\n'));
		expect(sent).toBe(204);
		for (const p of (await api(w.page, 'GET', '/points')).body.items as { id: string; path: string }[]) id[p.path] = p.id;
	}, 60_000);
	afterAll(async () => {
		expect(w.complaints).toEqual([]);
		await w.browser.close();
		await stopAll(data);
	});

	it('are made in a form, and put on a point in its form', async () => {
		const { page } = w;
		await page.goto(`${url}/r/labels`);
		await page.getByText('还没有数据标签').waitFor();
		await page.getByRole('button', { name: /新增数据标签/ }).first().click();
		await page.getByRole('textbox', { name: /^\* 编码$/ }).fill('energy');
		await page.getByLabel('名称', { exact: true }).fill('能源');
		await page.getByLabel('样本保留天数').fill('1095');
		await page.getByRole('button', { name: /保\s*存/ }).click();
		await until('the label is there', async () => ((await api(page, 'GET', '/labels')).body.items as unknown[]).length === 1);
		for (const [code, name] of [['quality', '质量'], ['core', '核心']]) await api(page, 'POST', '/labels', { code, name });
		await page.goto(`${url}/r/points/${id['L1-A/power']}`);
		await page.getByLabel('数据标签').click();
		await page.getByTitle('能源 · energy').last().click();
		await page.keyboard.press('Escape');
		await shot(page, '42-label-on-point');
		await page.getByRole('button', { name: /保\s*存/ }).click();
		await until('the point has it', async () => ((await api(page, 'GET', '/points?label=energy')).body.items as unknown[]).length === 1);
	});

	it('are what points are found by', async () => {
		const { page } = w;
		const label = Object.fromEntries(((await api(page, 'GET', '/labels')).body.items as { id: string; code: string }[]).map((l) => [l.code, l.id]));
		for (const [path, point] of Object.entries(id)) {
			const labels = [...(path.endsWith('power') ? [label.energy] : [label.quality]), ...(path.startsWith('L1-A') ? [label.core] : [])];
			await api(page, 'PATCH', `/points/${point}`, { labels });
		}
		await page.goto(`${url}/r/points?labels=${label.core}`);
		await page.getByRole('cell', { name: /能源 · energy, 核心 · core/ }).waitFor();
		expect(await page.getByRole('row').filter({ hasText: 'L1-' }).count()).toBeLessThanOrEqual(2);
		await shot(page, '42-points-by-label');
	});

	it('make a trend of groups', async () => {
		const { page } = w;
		await page.goto(`${url}/trend?range=1h&p=${id['L1-A/power']}`);
		await page.getByRole('button', { name: '移除 power' }).waitFor();
		await shot(page, '42-trend');
		await page.getByRole('button', { name: '移除 power' }).click();
		await page.getByRole('button', { name: '点位分组' }).click();
		await page.getByLabel('每组一条线').click();
		await page.getByTitle('采集设备').last().click();
		await page.getByLabel('合并方式').click();
		await page.getByTitle('总和').last().click();
		await page.getByLabel('全部', { exact: true }).click();
		await page.getByTitle('能源 · energy').last().click();
		await page.keyboard.press('Escape');
		await page.getByRole('cell', { name: 'L2-B', exact: true }).waitFor();
		expect(await page.locator('.trend-legend tbody tr').count()).toBe(5);
		await shot(page, '42-trend-by-device');
		await page.goto(`${url}/trend?range=1h&group=label.mean&p=${Object.values(id).join(',')}`);
		await page.getByRole('cell', { name: '质量 · quality', exact: true }).waitFor();
		const box = (await page.locator('.trend-stage canvas').first().boundingBox())!;
		await page.mouse.move(box.x + box.width * 0.45, box.y + box.height / 2);
		await until('the cursor tells how many points have values', async () => /\d\/5/.test((await page.locator('.trend-legend').textContent()) ?? ''));
		await shot(page, '42-trend-by-label');
	});

	it('say how long samples are kept', async () => {
		const { page } = w;
		await page.goto(`${url}/storage`);
		await page.getByRole('row', { name: /能源 · energy\s*1,095 天\s*5\s*5/ }).waitFor();
		await page.getByLabel('energy：试算天数').fill('1');
		await page.getByText('不会删除任何内容。').waitFor();
		await shot(page, '42-retention-by-label');
	});

	it('are complete in English', async () => {
		const { page } = w;
		await page.getByRole('button', { name: 'English' }).click();
		await page.getByRole('row', { name: /能源 · energy\s*1,095 days/ }).waitFor();
		await shot(page, '43-retention-by-label-en');
		await page.goto(`${url}/trend?range=1h&p=${id['L1-A/power']}`);
		await page.getByRole('button', { name: 'Remove power' }).waitFor();
		expect((await page.locator('.trend-bar').boundingBox())!.height, 'one row of tools').toBeLessThan(50);
		await shot(page, '43-trend-en');
		await page.goto(`${url}/trend?range=1h&group=label.sum&p=${Object.values(id).join(',')}`);
		await page.getByRole('columnheader', { name: 'With values' }).waitFor();
		await page.getByRole('button', { name: 'Points combined' }).click();
		await page.getByText('One line for each').waitFor();
		await shot(page, '43-trend-by-label-en');
	});
});
