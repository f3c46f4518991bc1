/*
 * Setting up and writing, as an engineer does it: a wrong port is named by the test, registers are read raw and the right reading is
 * clicked, a set-point beyond its limit is refused, one within is written and read back; also on a telephone and by keyboard.
 */
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { api, first, open, settled, shot, until, type Watched } from './page';
import { platform, start, stopAll } from './server';

const program = inject('servers').program;
const why = program ? '' : inject('servers').why || 'needs the program';
const WEB = resolve(import.meta.dirname, '../../web');
let w: Watched;
let url = '';
let data = '';
const ids: Record<string, string> = {};

describe.skipIf(why)(`commands${why ? ` (${why})` : ''}`, () => {
	beforeAll(async () => {
		const sim = await start(program, ['sim', '--listen', '127.0.0.1:0'], [/^ready modbus (\S+)/]);
		const serve = await platform(program);
		({ url, data } = serve);
		w = await open(url);
		const { page } = w;
		await first(page, serve.link);
		await page.getByText('从这里开始').waitFor();
		const [host, port] = sim.found[0]!.split(':');
		const make = async (noun: string, body: unknown): Promise<string> => {
			const made = await api(page, 'POST', `/${noun}`, body);
			expect(made.status, JSON.stringify(made.body)).toBe(201);
			return made.body.id as string;
		};
		ids.connection = await make('connections', { code: 'net', driver: 'modbus-tcp', config: { host, port: Number(port) } });
		ids.device = await make('devices', { code: 'PLC-1', connection: ids.connection, config: { unit: 1 } });
		ids.group = await make('groups', { code: 'fast', device: ids.device, period_ms: 200 });
		ids.point = await make('points', { code: 'SIC-101', name: '转速设定', group: ids.group, address: '40001', type: 'f32', access: 'rw', unit: '%', write_min: 0, write_max: 90 });
	});
	afterAll(async () => {
		await w.browser.close();
		await stopAll(data);
	});

	it('names the step at which a wrong port fails, and the right one goes well', async () => {
		const { page } = w;
		await page.goto(`${url}/r/connections/${ids.connection}`);
		const port = page.getByLabel('端口');
		const right = await port.inputValue();
		await port.fill('1');
		await page.getByRole('button', { name: '测试连接' }).click();
		await page.locator('[data-step=port][data-state=failed]').waitFor();
		await page.getByText('端口被拒绝').first().waitFor();
		expect(await page.locator('[data-step=route]').getAttribute('data-state')).toBe('ok');
		await shot(page, '20-test-wrong-port');
		await page.getByRole('button', { name: '关闭' }).last().click();
		await port.fill(right);
		await page.getByRole('button', { name: '测试连接' }).click();
		await page.locator('[data-step=unit][data-state=ok]').waitFor();
	});

	it('reads registers raw; the reading that is clicked goes into the form', async () => {
		const { page } = w;
		await page.goto(`${url}/r/points/new?group=${ids.group}`);
		await page.getByLabel('编码').fill('SIC-102');
		await page.getByLabel('地址', { exact: true }).fill('40001');
		await page.getByRole('button', { name: '试读' }).click();
		const f32 = page.getByTestId('readings').locator('tr', { hasText: 'f32' }).filter({ hasText: 'ABCD' }).first();
		await f32.waitFor();
		await shot(page, '21-try-read');
		await f32.getByRole('button').click();
		await until('the form has it', async () => /32 位浮点/.test(await page.locator('form').first().innerText()));
	});

	it('refuses a value beyond the limit and writes one within, by keyboard', async () => {
		const { page } = w;
		await page.goto(`${url}/live/${ids.device}`);
		await page.getByRole('button', { name: '指令下发：转速设定' }).click();
		const value = page.getByRole('textbox', { name: '下发值' });
		await until('the field has the focus', async () => value.evaluate((e) => e === document.activeElement));
		await page.keyboard.type('95');
		await page.keyboard.press('Enter');
		await page.getByText(/写入 95/).waitFor();
		await page.getByRole('button', { name: '确认写入' }).click();
		await page.getByTestId('outcome').getByText('已拒绝，未写入').waitFor();
		await shot(page, '22-command-refused');
		await value.fill('61.5');
		await value.press('Enter');
		await page.getByRole('button', { name: '确认写入' }).click();
		await page.getByTestId('outcome').getByText('已完成').waitFor();
		await page.getByTestId('outcome').getByText(/61\.5/).waitFor();
		await shot(page, '23-command-done');
		await page.getByRole('button', { name: '关闭' }).last().click();
		await until('the screen shows it', async () => /61\.5/.test(await page.locator('.plant-table').innerText()));
	});

	it('shows what is asked, and who is on the connection', async () => {
		const { page } = w;
		await page.goto(`${url}/collection/${ids.connection}?tab=requests`);
		await page.getByText('HR0-HR1').waitFor();
		await shot(page, '24-requests');
		await page.getByRole('tab', { name: '总线扫描' }).click();
		await page.getByLabel('结束单元').fill('2');
		await page.getByLabel('结束单元').blur();
		await page.getByRole('button', { name: '开始扫描' }).click();
		await page.getByRole('link', { name: '添加为采集设备' }).first().waitFor();
	});

	it('shows what passes on the connection as it passes, without asking for it', async () => {
		const { page } = w;
		const asked: string[] = [];
		const note = (r: { url: () => string }): void => {
			if (r.url().includes('/frames?')) asked.push(r.url());
		};
		page.on('request', note);
		await page.goto(`${url}/collection/${ids.connection}?tab=frames`);
		const rows = page.locator('table.frames tbody tr');
		await rows.filter({ hasText: '读保持寄存器' }).first().waitFor();
		const newest = await rows.first().innerText();
		await until('newer ones come', async () => (await rows.first().innerText()) !== newest);
		await shot(page, '25-frames');
		await page.getByRole('button', { name: '暂停' }).click();
		page.off('request', note);
		expect(asked).toEqual([]);
	});

	it('keeps the history of a point that is renamed and moved', async () => {
		const { page } = w;
		const before = await api(page, 'POST', '/query', { points: [ids.point], from: 'now-1h', to: 'now' });
		const first = (before.body.series as { t: number[] }[])[0]!.t[0]!;
		const slow = await api(page, 'POST', '/groups', { code: 'slow', device: ids.device, period_ms: 500 });
		expect(slow.status).toBe(201);
		await page.goto(`${url}/r/points/${ids.point}`);
		await page.getByLabel('编码', { exact: true }).fill('SIC-900');
		await page.getByLabel('名称', { exact: true }).fill('主轴转速设定');
		await page.getByLabel('采集组').click();
		await page.locator('.ant-select-item-option', { hasText: 'slow' }).click();
		await page.getByRole('button', { name: '保存' }).click();
		await until('it is saved', async () => (await api(page, 'GET', `/points/${ids.point}`)).body.group === slow.body.id);
		await page.goto(`${url}/trend?p=${ids.point}&range=1h`);
		await page.locator('.trend-legend tbody tr', { hasText: '主轴转速设定' }).waitFor();
		await until('its value', async () => /61\.5/.test(await page.locator('.trend-legend').innerText()));
		await shot(page, '25-renamed-and-moved');
		const path = (await api(page, 'GET', `/points/${ids.point}`)).body;
		expect(path.code).toBe('SIC-900');
		const after = await api(page, 'POST', '/query', { points: [ids.point], from: 'now-1h', to: 'now' });
		expect((after.body.series as { t: number[] }[])[0]!.t[0]).toBe(first);
	});

	it('says all of it in English, too', async () => {
		const { page } = w;
		await page.goto(`${url}/r/connections/${ids.connection}`);
		await page.getByRole('button', { name: 'English' }).click();
		await page.getByRole('button', { name: 'Test connection' }).click();
		await page.locator('[data-step=unit][data-state=ok]').waitFor();
		const chinese = async (): Promise<string[]> => (await page.locator('main, .ant-modal, .ant-drawer, [role=dialog]').allInnerTexts()).join('\n')
			.replace(/中文|主轴转速设定|张工/g, '').match(/[\u4e00-\u9fff]+/g) ?? [];
		expect(await chinese()).toEqual([]);
		await shot(page, '26-en-test-connection');
		await page.goto(`${url}/live/${ids.device}`);
		await page.getByRole('button', { name: /主轴转速设定/ }).first().click();
		await page.getByRole('dialog').waitFor();
		expect(await chinese()).toEqual([]);
		await shot(page, '27-en-command');
		await page.keyboard.press('Escape');
		await page.goto(`${url}/collection/${ids.connection}?tab=requests`);
		await settled(page);
		expect(await chinese()).toEqual([]);
		await page.getByRole('button', { name: '中文' }).click();
	});

	it('fits a telephone', async () => {
		const { page } = w;
		await page.setViewportSize({ width: 390, height: 844 });
		await page.goto(`${url}/r/points/${ids.point}`);
		await settled(page);
		await page.getByRole('button', { name: '指令下发：主轴转速设定' }).click();
		const box = await page.getByRole('dialog').boundingBox();
		expect(box!.x).toBeGreaterThanOrEqual(0);
		expect(box!.x + box!.width).toBeLessThanOrEqual(390);
		await page.keyboard.press('Escape');
		await page.goto(`${url}/collection/${ids.connection}?tab=requests`);
		await settled(page);
		expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(1);
		await page.setViewportSize({ width: 1280, height: 800 });
		expect(w.complaints).toEqual([]);
	});
});
