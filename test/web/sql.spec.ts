/* SQL, as an engineer uses it: completion of tables, columns and points, rows, lines over time, a file; what is wrong in one sentence; by
 * keyboard, on a telephone and in English. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { api, first, open, shot, until, type Watched } from './page';
import { platform, stopAll } from './server';

const program = inject('servers').program;
const library = program && existsSync(join(resolve(program, '..'), 'tools/duckdb/libduckdb.so'));
const why = !program ? inject('servers').why || 'needs the program' : library ? '' : 'needs DuckDB: tools/setup sql';
let w: Watched;
let url = '';
let data = '';

/** What stands in the editor, replaced. */
async function write(text: string): Promise<void> {
	const { page } = w;
	await page.locator('.cm-content').click();
	await page.keyboard.press('Control+a');
	await page.keyboard.press('Delete');
	await page.keyboard.insertText(text);
}

describe.skipIf(why)(`SQL${why ? ` (${why})` : ''}`, () => {
	beforeAll(async () => {
		const serve = await platform(program);
		({ url, data } = serve);
		w = await open(url);
		await first(w.page, serve.link);
		await w.page.getByText('从这里开始').waitFor();
		const token = (await api(w.page, 'POST', '/tokens', { name: 'writer', role: ((await api(w.page, 'GET', '/roles?name=administrator')).body.items as { id: string }[])[0]!.id })).body.secret as string;
		const now = Date.now();
		const lines = Array.from({ length: 720 }, (_, i) => `furnace,zone=z${(i % 2) + 1} temp=${(60 + 8 * Math.sin(i / 60) + (i % 2) * 4).toFixed(2)} ${now - (720 - i) * 30000}`);
		const r = await fetch(`${url}/api/v1/write?precision=ms`, { method: 'POST', headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'text/plain' }, body: lines.join('\n') });
		expect(r.status).toBe(204);
	});
	afterAll(async () => {
		await w.browser.close();
		await stopAll(data);
	});

	it('is in the menu, begins with an example, and shows rows', async () => {
		const { page } = w;
		await page.reload();
		await page.getByRole('menuitem', { name: 'SQL 查询' }).or(page.getByRole('link', { name: 'SQL 查询' })).first().click();
		await page.getByText('尚无结果').waitFor();
		await page.getByRole('button', { name: '示例' }).click();
		await page.getByRole('menuitem', { name: '最新值' }).click();
		await page.getByRole('button', { name: '执行' }).click();
		await page.getByRole('status').getByText('2 行').waitFor();
		await page.getByText('furnace,zone=z1/temp').first().waitFor();
	});

	it('completes functions, columns and the paths of points', async () => {
		const { page } = w;
		await write('SELECT * FROM ro');
		await page.keyboard.press('Control+Space');
		await page.locator('.cm-tooltip-autocomplete').getByText('rollup', { exact: true }).waitFor();
		await write('SELECT p.pa FROM points p');
		for (let i = 0; i < ' FROM points p'.length; i++) await page.keyboard.press('ArrowLeft');
		await page.keyboard.press('Control+Space');
		await page.locator('.cm-tooltip-autocomplete').getByText('path', { exact: true }).waitFor();
		await page.keyboard.press('Escape');
		await write("SELECT * FROM ts('furn");
		await page.keyboard.press('Control+Space');
		await page.locator('.cm-tooltip-autocomplete').getByText('furnace,zone=z2/temp').waitFor();
		await shot(page, '40-sql-completion');
		await page.keyboard.press('Escape');
	});

	it('draws lines where there is a time, and hands out a file', async () => {
		const { page } = w;
		await write("SELECT time_bucket(INTERVAL 5 minute, time) AS time, point, avg(value) AS mean FROM ts('furnace*', 'now-6h', 'now') GROUP BY ALL ORDER BY time, point");
		await page.keyboard.press('Control+Enter');
		await page.locator('.ant-table-row').first().waitFor();
		await shot(page, '41-sql-rows');
		await page.locator('.ant-segmented').getByText('趋势').click();
		await page.locator('.sql-chart canvas').waitFor();
		await page.locator('.u-legend').getByText('furnace,zone=z1/temp').waitFor();
		await shot(page, '42-sql-chart');
		const coming = page.waitForEvent('download');
		await page.getByRole('button', { name: '导出 CSV' }).click();
		const csv = readFileSync(await (await coming).path(), 'utf8').trim().split('\r\n');
		expect(csv[0]).toBe('time,point,mean');
		expect(csv.length).toBeGreaterThan(140);
	});

	it('says what is wrong in a sentence, and stops what takes too long', async () => {
		const { page } = w;
		await write('SELECT * FROM pionts');
		await page.keyboard.press('Control+Enter');
		await page.getByRole('alert').getByText('没有表 pionts；最接近的是 points').waitFor();
		await write("COPY (SELECT 1) TO '/tmp/x'");
		await page.keyboard.press('Control+Enter');
		await page.getByRole('alert').getByText('此处不允许').waitFor();
		await shot(page, '43-sql-refused');
		await write('SELECT sum(i * 3) FROM range(10000000000000) t(i)');
		await page.keyboard.press('Control+Enter');
		await page.getByRole('button', { name: '停止' }).click();
		await page.getByRole('alert').getByText('已停止').waitFor();
		await write('SELECT 41 + 1 AS answer');
		await page.keyboard.press('Control+Enter');
		await page.locator('.ant-table-row').getByText('42').waitFor();
	});

	it('puts a table where the cursor is, works on a telephone and in English', async () => {
		const { page } = w;
		await write('SELECT count(*) AS n FROM ');
		await page.getByRole('button', { name: 'devices 采集设备' }).click();
		await until('the name is there', async () => (await page.locator('.cm-content').innerText()).includes('FROM devices'));
		await page.setViewportSize({ width: 390, height: 844 });
		await page.keyboard.press('Control+Enter');
		await page.getByRole('status').getByText('1 行').waitFor();
		expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
		await page.setViewportSize({ width: 1280, height: 800 });
		await page.getByRole('button', { name: 'English' }).click();
		await page.getByRole('button', { name: /Run$/ }).waitFor();
		expect(w.complaints).toEqual([]);
		expect(w.foreign).toEqual([]);
	});
});
