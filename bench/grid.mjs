/* grid.mjs URL COOKIE ROWS: a sheet of so many points in Chromium, each step as a line "name CPU task frame took": the processor time of the longest task, the
 * longest task and frame by the clock, the whole, all in ms. bench/grid.py runs it.
 *
 * The processor time is what the sheet is held to: it does not grow when others use the machine, too. */
import { createRequire } from 'node:module';

const { chromium } = createRequire(new URL('../web/package.json', import.meta.url))('playwright-core');
const [url, cookie, rows] = [process.argv[2], process.argv[3], Number(process.argv[4])];
const FILL = Math.min(10000, rows >> 1);

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--lang=zh-CN'] });
const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'zh-CN' });
const at = cookie.indexOf('=');
await context.addCookies([{ name: cookie.slice(0, at), value: cookie.slice(at + 1), url }]);
const page = await context.newPage();
await page.addInitScript(() => {
	const w = window;
	w.longest = { task: 0, frame: 0 };
	new PerformanceObserver((list) => { for (const e of list.getEntries()) w.longest.task = Math.max(w.longest.task, e.duration); }).observe({ type: 'longtask', buffered: true });
	let last = 0;
	const frame = (now) => {
		if (last) w.longest.frame = Math.max(w.longest.frame, now - last);
		last = now;
		requestAnimationFrame(frame);
	};
	requestAnimationFrame(frame);
});

const calm = () => page.evaluate(() => new Promise((ok) => { setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(ok)), 300); }));
async function step(name, work) {
	await page.evaluate(() => { window.longest = { task: 0, frame: 0 }; }).catch(() => {});
	await browser.startTracing(page, { categories: ['toplevel', '__metadata'] });
	const since = Date.now();
	await work();
	const took = Date.now() - since;
	await calm();
	const l = await page.evaluate(() => window.longest);
	const { traceEvents } = JSON.parse((await browser.stopTracing()).toString());
	const mains = new Set(traceEvents.filter((e) => e.name === 'thread_name' && e.args.name === 'CrRendererMain').map((e) => `${e.pid} ${e.tid}`));
	const cpu = Math.max(0, ...traceEvents.filter((e) => e.tdur && /RunTask$/.test(e.name) && mains.has(`${e.pid} ${e.tid}`)).map((e) => e.tdur / 1000));
	console.log(`${name} ${cpu.toFixed(0)} ${l.task.toFixed(0)} ${l.frame.toFixed(0)} ${took}`);
}
const grid = page.locator('.grid');
const until = async (what, fn) => {
	for (let i = 0; i < 3000; i++) {
		if (await fn()) return;
		await new Promise((ok) => setTimeout(ok, 100));
	}
	throw new Error(`not within 300 s: ${what}`);
};
const names = (await page.goto(`${url}/grid/points`), await until('a head', async () => (await page.locator('.grid-head > span').count()) > 1),
	await page.locator('.grid-head b').allInnerTexts());
const cell = (row, name) => grid.locator(`[aria-rowindex="${row}"] .cell`).nth(names.indexOf(name));
const scrollTo = (row) => grid.evaluate((el, r) => { el.scrollTop = (r - 1) * 28; }, row);

await step('load', () => until('all rows', async () => (await grid.getAttribute('aria-rowcount')) === String(rows) && (await page.locator('.bar .muted.small').innerText()).includes('Ctrl')));
await step('scroll', async () => {
	for (let i = 1; i <= 60; i++) {
		await grid.evaluate((el, part) => { el.scrollTop = el.scrollHeight * part; }, i / 60);
		await page.evaluate(() => new Promise((ok) => { requestAnimationFrame(ok); }));
	}
	await grid.locator(`[aria-rowindex="${rows}"]`).waitFor();
});
await scrollTo(1);
await cell(1, '地址').click();
await scrollTo(FILL);
await cell(FILL, '地址').click({ modifiers: ['Shift'] });
const first = await (async () => { await scrollTo(1); return cell(1, '地址').innerText(); })();
const counted = first.replace(/\d+$/, (d) => String(Number(d) + 2 * (FILL - 1)));
await step('fill_down', async () => {
	await grid.focus();
	await page.keyboard.press('Control+d');
	await scrollTo(FILL);
	await until(`${counted} in row ${FILL}`, async () => (await cell(FILL, '地址').innerText()) === counted);
});
await step('bulk_change', async () => {
	await scrollTo(1);
	await cell(1, '描述').click();
	await scrollTo(FILL);
	await cell(FILL, '描述').click({ modifiers: ['Shift'] });
	await page.keyboard.press('F2');
	await page.keyboard.press('Control+a');
	await page.keyboard.insertText('换新');
	await page.keyboard.press('Control+Enter');
	await until('the text in the last row', async () => (await cell(FILL, '描述').innerText()) === '换新');
});
await step('filter', async () => {
	await page.locator('.grid-head input').nth(names.indexOf('编码')).pressSequentially('00012', { delay: 60 });
	await until('fewer rows', async () => Number(await grid.getAttribute('aria-rowcount')) <= Math.max(20, rows / 100));
	await page.locator('.grid-head input').nth(names.indexOf('编码')).fill('');
	await until('all rows', async () => (await grid.getAttribute('aria-rowcount')) === String(rows));
});
await step('undo', async () => {
	await grid.focus();
	await page.keyboard.press('Control+z');
	await page.keyboard.press('Control+z');
	await scrollTo(2);
	await until('nothing to save', async () => (await page.getByRole('button', { name: '保存 0 行' }).count()) === 1);
});
await browser.close();
