/*
 * Samples put right and taken away, as a person does it: two cursors in the trend, a value corrected and undone, a range deleted after its number was
 * typed, a point erased after its name was; each with a reason.
 */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { api, first, open, shot, still, until, type Watched } from './page';
import { platform, stopAll } from './server';

const program = inject('servers').program;
const why = program ? '' : inject('servers').why || 'needs the program';
const START = 1767225600;
let w: Watched;
let url = '';
let data = '';
let point = '';

const count = async (): Promise<number> => {
	const r = await api(w.page, 'POST', '/query', { points: [point], from: '2025-12-31T00:00:00Z', to: '2026-01-02T00:00:00Z' });
	return ((r.body.series as { t: number[] }[])[0]?.t ?? []).length;
};

describe.skipIf(why)(`samples put right${why ? ` (${why})` : ''}`, () => {
	beforeAll(async () => {
		const serve = await platform(program);
		({ url, data } = serve);
		w = await open(url);
		await first(w.page, serve.link);
		await w.page.getByText('从这里开始').waitFor();
		const lines = Array.from({ length: 100 }, (_, i) => `oven temp=${i / 2} ${START + i}`).join('\n');
		expect(await w.page.evaluate(async (body) => {
			const session = (await (await fetch('/api/v1/session')).json()) as { csrf?: string };
			return (await fetch('/api/v1/write?precision=s', { method: 'POST', body, headers: { 'Content-Type': 'text/plain', 'X-CSRF-Token': session.csrf ?? '' } })).status;
		}, lines)).toBe(204);
		point = ((await api(w.page, 'GET', '/points?code=temp')).body.items as { id: string }[])[0]!.id;
	});
	afterAll(async () => {
		await w.browser.close();
		await stopAll(data);
	});

	it('shows what lies between the cursors, corrects one and undoes it', async () => {
		const { page } = w;
		await page.goto(`${url}/trend?p=${point}&from=${START}&to=${START + 100}`);
		await page.locator('.trend-plot .u-over').waitFor();
		await page.locator('.trend-legend tbody tr').first().waitFor();
		const box = (await page.locator('.trend-plot .u-over').boundingBox())!;
		await page.mouse.click(box.x + box.width * 0.205, box.y + box.height / 2);
		await page.mouse.click(box.x + box.width * 0.405, box.y + box.height / 2);
		await page.getByRole('button', { name: '游标之间的样本' }).click();
		const rows = page.locator('.ant-modal .ant-table-row');
		await until('twenty samples', async () => (await rows.count()) === 20);
		await shot(page, '40-amend-samples');
		await page.getByRole('button', { name: '更正' }).first().click();
		await page.getByLabel('值', { exact: true }).fill('77.5');
		await page.getByRole('button', { name: '更正样本' }).click();
		await page.getByText('请填写').waitFor();                          // no reason, no correction
		await page.getByLabel('原因').fill('校准');
		await shot(page, '41-amend-correct');
		await page.getByRole('button', { name: '更正样本' }).click();
		await page.getByText('良好：人工更正').waitFor();
		await page.getByRole('tab', { name: '更正记录' }).click();
		await page.getByText('→ 77.5').waitFor();
		await shot(page, '42-amend-corrections');
		await page.getByRole('button', { name: '撤销' }).first().click();
		await page.getByLabel('原因').fill('原值正确');
		await page.getByRole('button', { name: '撤销更正' }).click();
		await page.getByText('已撤销', { exact: true }).first().waitFor();
	});

	it('deletes a range when its number is typed, and erases a point when its name is', async () => {
		const { page } = w;
		await page.getByRole('tab', { name: '样本', exact: true }).click();
		await page.getByRole('button', { name: '删除这些样本' }).click();
		await page.getByLabel('原因').fill('断线');
		await page.getByRole('button', { name: '删除样本', exact: true }).click();
		await until('the number is asked for', async () => (await page.locator('.ant-form-item-explain-error').count()) > 0);
		expect(await count()).toBe(100);
		await shot(page, '43-amend-delete');
		await page.getByLabel('请输入 20 以确认').fill('20');
		await page.getByRole('button', { name: '删除样本', exact: true }).click();
		await page.getByText('样本已删除').waitFor();
		await until('they are gone', async () => (await count()) === 80);
		await still(page);
		await page.getByRole('button', { name: '抹除该点位全部样本' }).click();
		await page.getByLabel('原因').fill('设备已转让');
		await page.getByLabel('请输入 temp 以确认').fill('temp');
		await shot(page, '44-amend-erase');
		await page.getByRole('button', { name: '抹除点位样本', exact: true }).click();
		await until('nothing is left', async () => (await count()) === 0);
		await until('the report is kept', async () => {
			const r = ((await api(page, 'GET', '/removals')).body.items as { kind: string; state: string }[])[0]!;
			return r.kind === 'erased' && r.state === 'done';
		});
		expect(w.complaints).toEqual([]);
		expect(w.foreign).toEqual([]);
	});
});
