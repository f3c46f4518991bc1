/* A browser with eyes on what must never happen: a request to another origin, an error on the console of the page. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContext, type Locator, type Page } from 'playwright-core';

export interface Watched {
	browser: Browser;
	context: BrowserContext;
	page: Page;
	/** Addresses outside the origin that were asked for. */
	foreign: string[];
	/** Errors and refusals (Content-Security-Policy) the page reported. */
	complaints: string[];
}

const ARGS = [
	'--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
	'--lang=zh-CN',
];

export async function open(url: string): Promise<Watched> {
	const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ARGS });
	const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'zh-CN', timezoneId: 'Asia/Shanghai' });
	const page = await context.newPage();
	const origin = new URL(url).origin;
	const w: Watched = { browser, context, page, foreign: [], complaints: [] };
	context.on('request', (r) => {
		const u = new URL(r.url());
		if (u.origin !== origin && u.protocol !== 'blob:') w.foreign.push(r.url());
	});
	page.on('websocket', (s) => {
		if (new URL(s.url()).host !== new URL(url).host) w.foreign.push(s.url());
	});
	page.on('pageerror', (e) => w.complaints.push(String(e)));
	page.on('console', (m) => {
		/* The browser itself reports refused requests (401, 422 …); those are part of the path. */
		if (m.type() === 'error' && !/status of 4\d\d/.test(m.text())) w.complaints.push(m.text());
	});
	return w;
}

/** Pictures at both widths, if somebody wants them. */
export async function shot(page: Page, name: string): Promise<void> {
	const folder = process.env.TENON_SHOTS;
	if (!folder) return;
	mkdirSync(folder, { recursive: true });
	for (const [width, height] of [[1280, 800], [390, 844]] as const) {
		await page.setViewportSize({ width, height });
		await page.waitForTimeout(500);        // for the layout, not for a result
		await page.screenshot({ path: join(folder, `${name}-${width}.png`) });
	}
	await page.setViewportSize({ width: 1280, height: 800 });
}

/** Waits until something becomes true; says what was there when it never does. */
export async function until(what: string, fn: () => Promise<boolean>, limitMs = 30_000): Promise<void> {
	const end = Date.now() + limitMs;
	for (;;) {
		if (await fn()) return;
		if (Date.now() > end) throw new Error(`not within ${limitMs} ms: ${what}`);
		await new Promise((ok) => setTimeout(ok, 150));
	}
}

export const row = (page: Page, text: string): Locator => page.locator('.ant-table-row', { hasText: text });

/** The name by which a session's own requests reach the server. */
export async function api(page: Page, method: string, path: string, body?: unknown): Promise<{ status: number; body: Record<string, unknown> }> {
	return page.evaluate(async ([m, p, b]) => {
		const session = (await (await fetch('/api/v1/session')).json()) as { csrf?: string };
		const r = await fetch(`/api/v1${p as string}`, {
			method: m as string, headers: { 'Content-Type': m === 'PATCH' ? 'application/merge-patch+json' : 'application/json', 'X-CSRF-Token': session.csrf ?? '' },
			body: b === undefined ? undefined : JSON.stringify(b),
		});
		const text = await r.text();
		return { status: r.status, body: text ? (JSON.parse(text) as Record<string, unknown>) : {} };
	}, [method, path, body] as const);
}

/** The screen has its heading and waits for nothing any more. */
export async function settled(page: Page): Promise<void> {
	await page.locator('h1').first().waitFor();
	await until('nothing is loading', async () => (await page.locator('.loading, .ant-spin-spinning').count()) === 0);
}

/** Nothing is on its way: a button that has just become usable is pale for a moment, and a menu that unfolds loses the click it is given. */
export const still = (page: Page): Promise<unknown> =>
	page.waitForFunction(() => !document.getAnimations().some((a) => a.playState === 'running' && a.effect?.getTiming().iterations !== Infinity));

/** The first person, made behind the one-time link: 张工, who may do everything. */
export async function first(page: Page, link: string, password = 'tenon-tenon'): Promise<void> {
	await page.goto(link);
	await page.getByLabel('用户名').fill('zhang');
	await page.getByLabel('姓名').fill('张工');
	await page.getByLabel('密码', { exact: true }).fill(password);
	await page.getByLabel('再次输入密码').fill(password);
	await page.getByRole('button', { name: '建立管理员并登录' }).click();
}
