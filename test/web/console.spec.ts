/*
 * A person's path: first start → connection → device → points by form and by list → live values → trend → the simulator dies and
 * comes back → somebody else changes the same record → English → tokens, audit log, signing out. One browser, in this order.
 */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { api, first, open, row, settled, shot, until, type Watched, still } from './page';
import { platform, start, stopAll } from './server';

const servers = inject('servers');
const PASSWORD = 'tenon-tenon';         // the mock knows this one too
let w: Watched;

describe.skipIf(servers.why)(`console${servers.why ? ` (${servers.why})` : ''}`, () => {
	beforeAll(async () => {
		w = await open(servers.url);
	});
	afterAll(async () => {
		await w.browser.close();
		await stopAll();
	});

	it('says at the root that there is no administrator yet', async () => {
		await w.page.goto(servers.url);
		await w.page.getByText('尚未建立管理员').waitFor();
	});

	it('speaks the language the one-time link asks for', async () => {
		const { page } = w;
		for (const [lang, button] of [['en', 'Create and sign in'], ['zh', '建立管理员并登录']]) {
			await page.goto(servers.start.replace('#', `?lang=${lang}#`));
			await page.getByRole('button', { name: button }).waitFor();
		}
	});

	it('makes the first administrator by the one-time link', async () => {
		const { page } = w;
		await page.goto(servers.start);
		await page.getByLabel('用户名').fill('zhang');
		await page.getByLabel('姓名').fill('张工');
		await page.getByLabel('密码', { exact: true }).fill(PASSWORD);
		await page.getByLabel('再次输入密码').fill('something else');
		await page.getByRole('button', { name: '建立管理员并登录' }).click();
		await page.getByText('两次输入的密码不同').waitFor();
		await shot(page, '01-start');
		await page.getByLabel('再次输入密码').fill(PASSWORD);
		await page.getByRole('button', { name: '建立管理员并登录' }).click();
		await page.getByText('从这里开始').waitFor();
		expect(new URL(page.url()).pathname).toBe('/');
		expect(new URL(page.url()).hash).toBe('');
		await shot(page, '02-empty');
	});

	it('leads from a driver to a connection and tells a wrong setting at its field', async () => {
		const { page } = w;
		await page.getByRole('link', { name: /连接我的设备/ }).click();
		await page.getByRole('button', { name: /Modbus TCP/ }).click();
		await page.getByLabel('主机').waitFor();
		await page.getByRole('button', { name: '保存并继续' }).click();
		await page.locator('.ant-form-item', { hasText: '主机' }).getByText('请填写').waitFor();
		const [host, port] = (servers.sim || '127.0.0.1:5020').split(':') as [string, string];
		await page.getByLabel('编码').fill('plc-net');
		await page.getByRole('textbox', { name: '名称' }).fill('泵站网络');
		await page.getByLabel('主机').fill(host);
		await page.getByLabel('端口').fill(port);
		await page.getByLabel('端口').blur();
		await shot(page, '03-connection');
		await page.getByRole('button', { name: '保存并继续' }).click();
		await page.getByText('以同一周期采集的点位').waitFor();
	});

	it('adds the device with its scan group', async () => {
		const { page } = w;
		await page.getByLabel('编码').first().fill('PLC-1');
		await page.getByLabel('名称', { exact: true }).first().fill('1 号泵站');
		await page.getByLabel('采集周期').fill('200');
		await page.getByLabel('采集周期').blur();
		await shot(page, '04-device');
		await page.getByRole('button', { name: '保存并继续' }).click();
		await page.getByRole('heading', { name: '添加点位' }).waitFor();
	});

	it('stores points typed in, and shows the server’s complaint at the wrong one', async () => {
		const { page } = w;
		const rows = page.locator('.point-row:not(.point-head)');
		const fill = async (i: number, code: string, name: string, address: string, unit: string): Promise<void> => {
			await rows.nth(i).getByLabel('编码').fill(code);
			await rows.nth(i).getByLabel('名称', { exact: true }).fill(name);
			await rows.nth(i).getByLabel('地址').fill(address);
			await rows.nth(i).getByLabel('工程单位').fill(unit);
		};
		await fill(0, 'PT-102', '泵出口压力', '30011', 'kPa');
		await rows.nth(0).getByLabel('工程单位').press('Enter');
		await fill(1, 'FT-101', '流量', 'nowhere', 'm³/h');
		await page.getByRole('button', { name: '保存 2 个点位' }).click();
		await rows.nth(1).getByRole('alert').waitFor();
		await shot(page, '05-points');
		await rows.nth(1).getByLabel('地址').fill('30013');
		await page.getByRole('button', { name: '保存 1 个点位' }).click();
		await page.getByText('2 个点位正在采集').waitFor();
	});

	it('imports a list, with errors exact to row and column, mended in place', async () => {
		const { page } = w;
		await page.getByRole('button', { name: '继续添加点位' }).click();
		await page.getByRole('tab', { name: /从列表导入/ }).click();
		const good = '编码\t名称\t地址\t数据类型\t工程单位\nLT-101\t集水池液位\t30015\tf32\tm\nIT-101\t电机电流\t30021\tf32\tA\nTT-105\t环境温度\tBAD!\ti16\t℃\n';
		await page.locator('textarea.csv').fill(good);
		await page.getByRole('button', { name: '检查', exact: true }).click();
		const wrong = page.locator('.import-rows tr.wrong');
		await wrong.waitFor();
		expect(await wrong.count()).toBe(1);
		expect(await wrong.locator('td.line').innerText()).toBe('4');
		expect(await wrong.locator('td.wrong-cell input').inputValue()).toBe('BAD!');
		expect(await wrong.locator('td.wrong-cell').innerText()).toContain('应写成');
		await shot(page, '06-import');
		await wrong.locator('td.wrong-cell input').fill('30039');
		await page.getByRole('button', { name: '检查', exact: true }).click();
		await page.getByRole('button', { name: '导入 3 行' }).click();
		await page.getByText('5 个点位正在采集').waitFor();
		await shot(page, '07-ready');
	});

	it('shows live values with unit, quality and age in the tree of places and devices', async () => {
		const { page } = w;
		await page.getByRole('menuitem', { name: '实时值' }).click();
		await page.getByText('1 号泵站').first().click();
		await row(page, 'PT-102').waitFor();
		await until('five points are good', async () => (await page.locator('.ant-table-row .q-good').count()) === 5);
		expect(await row(page, 'PT-102').locator('.v').innerText()).toMatch(/^-?\d[\d.]*\u2009kPa$/);
		expect(await row(page, 'PT-102').locator('.q').innerText()).toBe('良好');
		await shot(page, '08-live');
	});

	it('draws a trend that goes on by itself, pans by drag and zooms by wheel', async () => {
		const { page } = w;
		await row(page, 'PT-102').getByRole('checkbox').check();
		await row(page, 'LT-101').getByRole('checkbox').check();
		await page.getByRole('button', { name: '趋势 (2)' }).click();
		await page.locator('.trend-plot canvas').waitFor();
		await page.getByText('15 分钟', { exact: true }).click();
		await until('values at the present', async () => /kPa/.test(await page.locator('.trend-legend tbody tr').first().innerText()));
		const ink = (): Promise<number> => page.evaluate(() => {
			const c = document.querySelector<HTMLCanvasElement>('.trend-plot canvas')!;
			const d = c.getContext('2d')!.getImageData(0, 0, c.width, c.height).data;
			let n = 0;
			for (let i = 0; i < d.length; i += 4) if (Math.abs(d[i]! - 0x1f) < 24 && Math.abs(d[i + 1]! - 0x6f) < 24 && Math.abs(d[i + 2]! - 0x9f) < 24 && d[i + 3]! > 200) n++;
			return n;
		});
		await until('the first line is drawn', async () => (await ink()) > 10);
		await shot(page, '09-trend');
		await page.locator('.trend-plot .u-over').waitFor();
		const box = (await page.locator('.trend-plot .u-over').boundingBox())!;
		await page.mouse.move(box.x + box.width * 0.7, box.y + box.height / 2);
		await page.mouse.wheel(0, -240);
		await page.getByRole('button', { name: '回到当前' }).waitFor();
		await until('the address keeps the window', () => Promise.resolve(new URL(page.url()).searchParams.has('from')));
		const width = (): number => Number(new URL(page.url()).searchParams.get('to')) - Number(new URL(page.url()).searchParams.get('from'));
		expect(width()).toBeLessThan(890);
		const before = Number(new URL(page.url()).searchParams.get('from'));
		await page.mouse.down();
		await page.mouse.move(box.x + box.width * 0.9, box.y + box.height / 2, { steps: 5 });
		await page.mouse.up();
		await until('dragging right goes back in time', () => Promise.resolve(Number(new URL(page.url()).searchParams.get('from')) < before));
		await page.getByRole('button', { name: '回到当前' }).click();
	});

	it('measures between two cursors, saves the trend, and exports what is seen', async () => {
		const { page } = w;
		const box = (await page.locator('.trend-plot .u-over').boundingBox())!;
		const plot = page.getByRole('application');
		await page.mouse.click(box.x + box.width * 0.9, box.y + 40);
		await page.mouse.click(box.x + box.width * 0.98, box.y + 40);
		const mark = page.getByRole('slider', { name: '游标 A' });
		const before = Number(await mark.getAttribute('aria-valuenow'));
		await mark.press('ArrowLeft');
		expect(Number(await mark.getAttribute('aria-valuenow'))).toBeLessThan(before);
		await page.getByText(/^B − A/).waitFor();
		await shot(page, '09b-trend-marks');
		await plot.press('Escape');
		await page.getByText(/^B − A/).waitFor({ state: 'hidden' });
		await page.getByRole('button', { name: /保存$/ }).click();
		const dialog = page.getByRole('dialog');
		await dialog.getByLabel('名称', { exact: true }).fill('泵与液位');
		await dialog.getByRole('button', { name: '保存' }).click();
		await dialog.waitFor({ state: 'hidden' });
		await page.getByRole('button', { name: '泵与液位' }).waitFor();
		await page.getByRole('button', { name: '导出与打印' }).click();
		const [file] = await Promise.all([page.waitForEvent('download'), page.getByText('导出 CSV（所见数据）').click()]);
		const rows = readFileSync(await file.path(), 'utf8').trim().split(/\r\n/);
		expect(rows[0]).toContain('泵出口压力 (kPa)');
		expect(rows.length).toBeGreaterThan(1);
		await page.getByRole('button', { name: '导出与打印' }).click();
		const [book] = await Promise.all([page.waitForEvent('download'), page.getByText('导出 XLSX（所见数据）').click()]);
		expect(book.suggestedFilename()).toMatch(/\.xlsx$/);
		expect(readFileSync(await book.path()).subarray(0, 4).toString('latin1')).toBe('PK\x03\x04');
		/* The address alone brings it back. */
		const saved = new URL(page.url()).searchParams.get('t') ?? (await until('the address names it', () => Promise.resolve(new URL(page.url()).searchParams.has('t'))), new URL(page.url()).searchParams.get('t'));
		await page.goto(`${servers.url}/trend?t=${saved}`);
		await until('both points are back', async () => (await page.locator('.trend-legend tbody tr').count()) === 2);
	});

	it.skipIf(!servers.simPid)('turns only the points of a dead device bad, says why, and heals', async () => {
		const { page } = w;
		/* Another station beside it, which goes on. */
		const other = await start(servers.program, ['sim', '--listen', '127.0.0.1:0'], [/^ready modbus (\S+)/]);
		const [host, port] = other.found[0]!.split(':') as [string, string];
		const make = async (noun: string, body: unknown): Promise<string> => {
			const made = await api(page, 'POST', `/${noun}`, body);
			expect(made.status, JSON.stringify(made.body)).toBe(201);
			return String(made.body.id);
		};
		const connection = await make('connections', { code: 'net-2', driver: 'modbus-tcp', config: { host, port: Number(port) } });
		const device = await make('devices', { code: 'PLC-2', name: '2 号泵站', connection });
		const group = await make('groups', { code: 'main', device, period_ms: 200 });
		await make('points', { code: 'PT-202', group, address: '30011', type: 'f32', unit: 'kPa' });
		await page.goto(`${servers.url}/live`);
		await until('six points of two stations are good', async () => (await page.locator('.ant-table-row .q-good').count()) === 6);
		process.kill(servers.simPid, 'SIGKILL');
		await until('all five points are bad', async () => (await page.locator('.ant-table-row .q-bad').count()) === 5);
		expect(await row(page, 'PT-102').locator('.q').innerText()).toMatch(/^坏：/);
		expect(await row(page, 'PT-202').locator('.q').innerText()).toBe('良好');
		await until('their rows are marked', async () => (await page.locator('.ant-table-row.row-bad').count()) === 5);
		await shot(page, '10-dead');
		await page.getByRole('menuitem', { name: '首页' }).click();
		await page.locator('.card.row-bad', { hasText: '1 号泵站' }).waitFor();
		await shot(page, '11-overview-dead');
		/* The number of bad points leads to their list, with reason and since when. */
		await page.locator('.figure', { hasText: '坏点位' }).getByRole('link').first().click();
		await until('the five are listed', async () => (await page.locator('.ant-table-row.row-bad').count()) === 5);
		expect(await row(page, 'PT-102').innerText()).toMatch(/坏：[^]*20\d\d-\d\d-\d\d \d\d:\d\d/);
		await shot(page, '11b-abnormal');
		await start(servers.program, ['sim', '--listen', servers.sim], [/^ready modbus (\S+)/]);
		await page.getByRole('menuitem', { name: '实时值' }).click();
		await until('all six points are good again', async () => (await page.locator('.ant-table-row .q-good').count()) === 6, 60_000);
		other.child.kill('SIGTERM');
		await page.goto(`${servers.url}/trend?range=15m&p=${await pointId('PT-102')}`);
		await page.locator('.trend-plot canvas').waitFor();
		await until('values again', async () => /kPa/.test(await page.locator('.trend-legend tbody tr').first().innerText()));
		await shot(page, '12-trend-gap');
	});

	const idOf = async (noun: string, code: string): Promise<string> => {
		const { body } = await api(w.page, 'GET', `/${noun}?code=${code}`);
		return (body.items as { id: string }[])[0]!.id;
	};
	const pointId = (code: string): Promise<string> => idOf('points', code);

	it('settles a conflict field by field when somebody else changed the record', async () => {
		const { page } = w;
		const id = await pointId('PT-102');
		await page.goto(`${servers.url}/r/points/${id}`);
		await page.getByLabel('名称', { exact: true }).fill('我的名称');
		const other = await api(page, 'PATCH', `/points/${id}`, { name: '他人的名称', description: '同时修改' });
		expect(other.status).toBe(200);
		await page.getByRole('button', { name: '保存' }).click();
		const dialog = page.getByRole('dialog');
		await dialog.getByText('记录已被他人修改').waitFor();
		expect(await dialog.innerText()).toContain('他人的名称');
		await shot(page, '13-conflict');
		await dialog.getByRole('button', { name: '按选择保存' }).click();
		await dialog.waitFor({ state: 'hidden' });
		const { body } = await api(page, 'GET', `/points/${id}`);
		expect(body).toMatchObject({ name: '我的名称', description: '同时修改' });
	});

	it('searches by the key "/", leaves by Esc, and says when nothing is found', async () => {
		const { page } = w;
		await page.goto(`${servers.url}/r/points`);
		await row(page, 'FT-101').waitFor();
		await page.keyboard.press('/');
		await page.keyboard.type('no such point');
		await page.getByText('没有符合条件的记录').waitFor();
		await page.keyboard.press('Escape');
		await row(page, 'FT-101').waitFor();
		await shot(page, '14-points');
	});

	it('shows a device as a picture, or as cards when there is none', async () => {
		const { page } = w;
		await page.goto(`${servers.url}/picture/${await idOf('devices', 'PLC-1')}`);
		await until('a card shows a value', async () => /m³\/h/.test(await page.locator('.gauge-card', { hasText: '流量' }).innerText()));
		expect(await page.locator('.picture').count()).toBe(0);
		if (!servers.program) return;
		/* What the picture of a pump station asks for. */
		const group = ((await api(page, 'GET', `/groups?device=${await idOf('devices', 'PLC-1')}`)).body.items as { id: string }[])[0]!.id;
		for (const [code, address, type] of [['LT-102', '30017', 'f32'], ['XS-101', '10001', 'bool']]) expect((await api(page, 'POST', '/points', { code, group, address, type })).status).toBe(201);
		await page.reload();
		await until('the tank has water', async () => (await page.locator('.picture .pic-water').count()) > 0);
		await shot(page, '14b-picture');
		await page.getByRole('link', { name: /^流量: / }).press('Enter');
		await page.locator('.trend-plot canvas').waitFor();
	});

	it('can be read by everybody: contrast, names, roles, light and dark', async () => {
		const { page } = w;
		const axe = readFileSync(new URL('../../web/node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
		const wrong = async (): Promise<string[]> => page.evaluate(`${axe}; axe.run(document, { runOnly: ['wcag2a', 'wcag2aa'] })
			.then((r) => r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.target.join(' ')).join(', ')))`);
		const connection = `/collection/${await idOf('connections', 'plc-net')}`;
		for (const [scheme, path] of [['light', '/'], ['light', '/picture'], ['light', connection], ['dark', '/'], ['dark', `/trend?p=${await pointId('PT-102')}`], ['dark', '/abnormal']] as const) {
			await page.emulateMedia({ colorScheme: scheme });
			await page.goto(servers.url + path);
			await settled(page);
			expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe(scheme);
			await still(page);
			expect(await wrong(), `${path} ${scheme}`).toEqual([]);
		}
		await page.emulateMedia({ colorScheme: 'light' });
	}, 180_000);

	it('is complete in English', async () => {
		const { page } = w;
		await page.goto(`${servers.url}/r/points`);
		await page.getByRole('button', { name: 'English' }).click();
		await page.getByRole('heading', { name: 'Points' }).waitFor();
		for (const [name, path] of [['overview', '/'], ['live', '/live'], ['state', '/collection'], ['connection', `/collection/${await idOf('connections', 'plc-net')}`], ['picture', '/picture'], ['abnormal', '/abnormal'], ['points', '/r/points'], ['connections', '/r/connections'], ['devices', '/r/devices'],
			['groups', '/r/groups'], ['places', '/r/places/new'], ['users', '/r/users'], ['roles', '/r/roles'], ['point', `/r/points/${await pointId('FT-101')}`], ['add', '/add'], ['import', '/import'], ['audit', '/audit']] as const) {
			await page.goto(servers.url + path);
			await settled(page);
			await shot(page, `en-${name}`);
			/* What people typed in may be Chinese; what the console says may not. */
			const said = (await page.locator('h1, th, label, legend, summary, button, .ant-menu-title-content, .ant-form-item-extra, .empty').allInnerTexts()).join('\n')
				.replace(/中文|[12] 号泵站|泵站网络|泵出口压力|流量|集水池液位|电机电流|环境温度|我的名称|同时修改|张工/g, '');
			expect(said.match(/[\u4e00-\u9fff]+/g) ?? [], path).toEqual([]);
		}
		await page.getByRole('button', { name: '中文' }).click();
	});

	it('fits a telephone: nothing is wider than the screen', async () => {
		const { page } = w;
		await page.setViewportSize({ width: 390, height: 844 });
		for (const path of ['/', '/live', '/trend', '/add', '/collection', `/collection/${await idOf('connections', 'plc-net')}`, '/picture', '/abnormal', '/r/points', `/r/points/${await pointId('FT-101')}`, '/import', '/audit', '/r/users']) {
			await page.goto(servers.url + path);
			await settled(page);
			const over = await page.evaluate(() => {
				const main = document.querySelector('main')!;
				return Math.max(document.documentElement.scrollWidth - innerWidth, main.scrollWidth - main.clientWidth);
			});
			expect(over, path).toBeLessThanOrEqual(1);
		}
		await page.setViewportSize({ width: 1280, height: 800 });
	});

	it('shows the secret of a token once', async () => {
		const { page } = w;
		await page.goto(`${servers.url}/r/tokens/new`);
		await page.getByLabel('名称', { exact: true }).fill('grafana');
		await page.getByLabel('角色').click();
		await page.locator('.ant-select-item-option').first().click();
		await page.getByRole('button', { name: '保存' }).click();
		await page.getByText('接口令牌已建立').waitFor();
		expect(await page.getByTestId('secret').innerText()).toMatch(/^tnn_/);
		await shot(page, '15-token');
		await page.getByRole('button', { name: '已妥善保存' }).click();
		await row(page, 'grafana').waitFor();
		expect(await page.content()).not.toContain('tnn_tnn');
	});

	it('keeps who did what in the audit log', async () => {
		const { page } = w;
		await page.goto(`${servers.url}/audit`);
		await page.locator('.ant-table-row, .empty').first().waitFor();
		if (servers.program) await until('the change of the name is listed', async () => /我的名称/.test(await page.locator('main').innerText()));
		await shot(page, '16-audit');
	});

	it('takes 50 points pasted into the sheet, says which cell is wrong, saves, and takes the save back', async () => {
		const { page } = w;
		const count = async (): Promise<number> => Number((await api(page, 'GET', '/points?count=true&limit=1')).body.count);
		const before = await count();
		await page.goto(`${servers.url}/grid/points`);
		const grid = page.locator('.grid');
		await until('every point is a row', async () => (await grid.getAttribute('aria-rowcount')) === String(before));
		await page.getByRole('button', { name: '添加 10 行' }).click();
		await until('ten rows more', async () => (await grid.getAttribute('aria-rowcount')) === String(before + 10));
		/* 50 rows of a spreadsheet, one with an address no driver knows; from the first new row on. */
		const rows = Array.from({ length: 50 }, (_, i) => [`G-${String(i + 1).padStart(3, '0')}`, `${i + 1} 号测点`, i === 20 ? 'nowhere' : `HR${300 + 2 * i}`, 'REAL']);
		const at = (row: number, name: string) => grid.locator(`[aria-rowindex="${row}"] .cell`).nth(['group', 'device', 'code', 'name', 'address', 'type'].indexOf(name));
		await at(before + 1, 'code').click();
		await grid.evaluate((el, text) => {
			const data = new DataTransfer();
			data.setData('text/plain', text);
			el.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
		}, rows.map((r) => r.join('\t')).join('\r\n'));
		await until('fifty rows', async () => (await grid.getAttribute('aria-rowcount')) === String(before + 50));
		expect(await grid.locator('.grid-row').count()).toBeLessThan(60);           /* those in view */
		await page.getByRole('button', { name: '保存 50 行' }).click();
		await page.getByText('1 行有误，未保存').waitFor();
		expect(await count()).toBe(before);
		await shot(page, '17-grid');
		/* By keys to the wrong cell, mended there. */
		await at(before + 1, 'address').click();
		for (let i = 0; i < 20; i++) await page.keyboard.press('ArrowDown');
		await grid.locator('.grid-told', { hasText: '应写成' }).waitFor();
		expect(await grid.locator('.cell.cur').innerText()).toBe('nowhere');
		await page.keyboard.press('F2');
		await page.keyboard.press('Control+A');
		await page.keyboard.type('HR340');
		await page.keyboard.press('Enter');
		expect(await at(before + 21, 'address').innerText()).toBe('HR340');
		/* Undo and redo, before saving. */
		await page.keyboard.press('Control+Z');
		expect(await at(before + 21, 'address').innerText()).toBe('nowhere');
		await page.keyboard.press('Control+Y');
		await page.getByRole('button', { name: '保存 50 行' }).click();
		await page.getByText('已保存：新增 50').waitFor();
		expect(await count()).toBe(before + 50);
		const made = (await api(page, 'GET', '/points?code=G-021')).body.items as { address: string; type: string }[];
		expect(made[0]).toMatchObject({ address: 'HR340', type: 'f32' });
		await page.getByRole('button', { name: '撤销这次保存' }).click();
		await page.getByText('已撤销 50 条').waitFor();
		expect(await count()).toBe(before);
	});

	it('fills a thousand addresses of the sheet down, changes them at once, filters, and takes it all back', async () => {
		const { page } = w;
		const N = 1000;
		await page.goto(`${servers.url}/grid/points`);
		const grid = page.locator('.grid');
		await until('the keys are told when all is read', async () => (await page.locator('.bar .muted.small').innerText()).includes('Ctrl'));
		const names = await page.locator('.grid-head b').allInnerTexts();
		const cell = (row: number, name: string) => grid.locator(`[aria-rowindex="${row}"] .cell`).nth(names.indexOf(name));
		const see = (row: number): Promise<void> => grid.evaluate((el, y) => { el.scrollTop = y; }, (row - 1) * 28);
		const before = Number(await grid.getAttribute('aria-rowcount'));
		const from = before + 1;
		/* A column of codes, as it comes from a spreadsheet; the rows are made by it. */
		await page.getByRole('button', { name: '添加 10 行' }).click();
		await see(from);
		await cell(from, '编码').click();
		await grid.evaluate((el, text) => {
			const data = new DataTransfer();
			data.setData('text/plain', text);
			el.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
		}, Array.from({ length: N }, (_, i) => `B-${i}`).join('\n'));
		await until('a thousand rows more', async () => (await grid.getAttribute('aria-rowcount')) === String(before + N));
		await cell(from, '地址').click();
		await page.keyboard.type('HR100');
		await page.keyboard.press('Enter');
		await cell(from, '数据类型').click();
		await page.keyboard.type('f32');
		await page.keyboard.press('Enter');
		const choose = async (name: string): Promise<void> => {
			await see(from);
			await cell(from, name).click();
			await see(from + N - 1);
			await cell(from + N - 1, name).click({ modifiers: ['Shift'] });
		};
		await choose('数据类型');
		await page.keyboard.press('Control+D');
		await choose('地址');
		await page.keyboard.press('Control+D');
		expect(await cell(from + N - 1, '地址').innerText()).toBe(`HR${100 + 2 * (N - 1)}`);
		await choose('描述');
		await page.keyboard.press('F2');
		await page.keyboard.insertText('换新');
		await page.keyboard.press('Control+Enter');
		expect(await cell(from + N - 1, '描述').innerText()).toBe('换新');
		await see(from);
		expect(await cell(from, '描述').innerText()).toBe('换新');
		await page.locator('.grid-head input').nth(names.indexOf('编码')).fill('b-99');
		await until('those of the filter', async () => (await grid.getAttribute('aria-rowcount')) === '11');            /* 99, 990 … 999 */
		await page.locator('.grid-head input').nth(names.indexOf('编码')).fill('');
		await until('all again', async () => (await grid.getAttribute('aria-rowcount')) === String(before + N));
		for (let i = 0; i < 7; i++) await page.getByRole('button', { name: /撤销$/ }).click();
		await until('nothing to save', async () => (await page.getByRole('button', { name: '保存 0 行' }).count()) === 1);
		expect(await grid.getAttribute('aria-rowcount')).toBe(String(before));
	});

	it.skipIf(!servers.program)('gives a user a role in a place, and asks for a password of his own', async () => {
		const { page } = w;
		const place = (await api(page, 'POST', '/places', { code: 'north', name: '北车间' })).body;
		const none = ((await api(page, 'GET', '/roles?name=none')).body.items as { id: string }[])[0]!.id;
		const user = (await api(page, 'POST', '/users', { name: 'wang', full_name: '王工', password: 'ten letters', role: none })).body;
		await page.goto(`${servers.url}/r/users/${String(user.id)}`);
		await page.getByRole('button', { name: '新增授权' }).click();
		const dialog = page.getByRole('dialog');
		await dialog.getByLabel('角色').click();
		await page.locator('.ant-select-item-option', { hasText: '操作员' }).click();
		await dialog.getByLabel('位置').click();
		await page.locator('.ant-select-tree-node-content-wrapper', { hasText: '北车间' }).click();
		await dialog.getByText('星期一').click();
		await shot(page, '17-grant');
		await dialog.getByRole('button', { name: /保\s*存/ }).click();
		await page.getByText('操作员 · 北车间').waitFor();
		await page.getByText('星期一').waitFor();
		await shot(page, '18-user');
		expect(((await api(page, 'GET', `/grants?place=${String(place.id)}`)).body.items as unknown[]).length).toBe(1);
		for (const [path, heading, name] of [['account', '我的账户', '19-account'], ['approvals', '双人复核', '20-approvals'], ['security', '登录与三员', '21-security']] as const) {
			await page.goto(`${servers.url}/${path}`);
			await page.getByRole('heading', { level: 1, name: heading }).waitFor();
			await settled(page);
			await shot(page, name);
		}
		/* He signs in elsewhere: nothing but a password of his own is asked for. */
		const other = await w.browser.newContext({ locale: 'zh-CN' });
		const his = await other.newPage();
		await his.goto(servers.url);
		await his.getByLabel('用户名').fill('wang');
		await his.getByLabel('密码', { exact: true }).fill('ten letters');
		await his.getByRole('button', { name: '登录' }).click();
		await his.getByRole('heading', { name: '请设置新密码' }).waitFor();
		await his.getByLabel('原密码').fill('ten letters');
		await his.getByLabel('新密码').fill('password123');
		await his.getByLabel('再次输入密码').fill('password123');
		await his.getByRole('button', { name: '设置新密码' }).click();
		await his.getByText('过于常见').waitFor();
		await his.getByLabel('新密码').fill('quiet pump seven');
		await his.getByLabel('再次输入密码').fill('quiet pump seven');
		await his.getByRole('button', { name: '设置新密码' }).click();
		await his.getByRole('menuitem', { name: '首页' }).waitFor();
		await other.close();
	});

	it('breaks a unit of the demonstration plant on the fault panel, sees it silent, and mends it', async (context) => {
		if (!servers.program) return context.skip();
		const serve = await platform(servers.program, '--demo');
		const d = await open(serve.url);
		try {
			const { page } = d;
			await first(page, serve.link, PASSWORD);
			await page.getByRole('menuitem', { name: '故障面板' }).click();
			await page.getByRole('heading', { name: '故障面板' }).waitFor();
			const oven = page.getByRole('region', { name: '1 号固化炉' });
			const dead = oven.getByRole('switch', { name: '1 号固化炉: 从站无应答' });
			await oven.locator('.state', { hasText: '运行' }).waitFor();
			await dead.focus();
			await page.keyboard.press('Space');             // as good as a click
			await oven.locator('.state', { hasText: '无应答' }).waitFor();
			await oven.getByText(/\d\d:\d\d:\d\d 起/).waitFor();
			await page.getByRole('region', { name: '1 号加工中心' }).locator('.state', { hasText: '运行' }).waitFor();
			await shot(page, '18-faults');
			const axe = readFileSync(new URL('../../web/node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
			for (const scheme of ['light', 'dark'] as const) {
				await page.emulateMedia({ colorScheme: scheme });
				await page.reload();                     // so that no colour is on its way from one to the other
				await settled(page);
				await oven.locator('.state', { hasText: '无应答' }).waitFor();
				expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe(scheme);
				await still(page);
				expect(await page.evaluate(`${axe}; axe.run(document, { runOnly: ['wcag2a', 'wcag2aa'] }).then((r) => r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.target.join(' ')).join(', ')))`), scheme).toEqual([]);
				await shot(page, `18-faults-${scheme}`);
			}
			await page.emulateMedia({ colorScheme: 'light' });
			await page.setViewportSize({ width: 390, height: 844 });
			expect(await page.evaluate(() => Math.max(document.documentElement.scrollWidth - innerWidth, document.querySelector('main')!.scrollWidth - document.querySelector('main')!.clientWidth))).toBeLessThanOrEqual(1);
			await page.setViewportSize({ width: 1280, height: 800 });
			await dead.click();
			await oven.locator('.state', { hasText: '运行' }).waitFor();
			await page.getByText('所有设备正常').waitFor();
			await page.getByRole('button', { name: 'English' }).click();
			await page.getByRole('heading', { name: 'Fault panel' }).waitFor();
			expect((await page.locator('main').innerText()).match(/[\u4e00-\u9fff]+/g) ?? []).toEqual([]);
			await shot(page, '18-faults-en');
			await page.getByRole('link', { name: 'Pump station: Leak at the pump\'s discharge flange: Trend' }).click();
			await page.getByRole('heading', { name: 'Trend' }).waitFor();
			await page.locator('.trend-legend tbody tr').nth(2).waitFor();
			expect([d.foreign, d.complaints]).toEqual([[], []]);
		} finally {
			await d.browser.close();
			serve.child.kill('SIGTERM');
			await until('it has ended', () => Promise.resolve(serve.child.exitCode !== null || serve.child.signalCode !== null));
			rmSync(serve.data, { recursive: true, force: true });
		}
	}, 180_000);

	it('signs out, refuses a wrong password, signs in again', async () => {
		const { page } = w;
		await page.getByRole('button', { name: /^用户/ }).click();
		await page.getByText('退出登录').waitFor();
		await still(page);
		await page.getByText('退出登录').click();
		await page.getByLabel('用户名').fill('zhang');
		await page.getByLabel('密码', { exact: true }).fill('wrong password');
		await page.getByRole('button', { name: '登录' }).click();
		await page.getByRole('alert').first().waitFor();
		await until('it may be pressed again', async () => (await page.locator('.ant-btn-loading').count()) === 0);
		await shot(page, '17-signin');
		await page.getByLabel('密码', { exact: true }).fill(PASSWORD);
		await page.getByRole('button', { name: '登录' }).click();
		await page.getByRole('menuitem', { name: '首页' }).waitFor();
	});

	it('asked nobody but its own server, and had nothing to complain about', () => {
		expect(w.foreign).toEqual([]);
		expect(w.complaints).toEqual([]);
	});
});
