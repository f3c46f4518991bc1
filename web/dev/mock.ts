/* A server of straw for building and looking at screens without one: `npm run dev`. Never part of the build. It follows
 * src/api/README.md, remembers what it is told until it stops, and makes values up from the clock. */
import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Plugin } from 'vite';
import { drivers, types } from './types.ts';

type Rec = { id: string; rev: number; created: string; updated: string } & Record<string, unknown>;
const store: Record<string, Rec[]> = { places: [], connections: [], devices: [], groups: [], points: [], users: [], roles: [], tokens: [], tenants: [] };
const audit: Record<string, unknown>[] = [];
const started = Date.now();
let isSetUp = process.env.MOCK_EMPTY !== '1';
let signedIn = process.env.MOCK_SIGNED_IN === '1';

function put(noun: string, r: Record<string, unknown>): Rec {
	const now = new Date().toISOString();
	const rec = { id: randomUUID(), rev: 1, created: now, updated: now, ...r } as Rec;
	store[noun]!.push(rec);
	return rec;
}

function seed(): void {
	const role = put('roles', { name: 'administrator', title: 'Administrator', title_zh: '管理员', builtin: true, permissions: PERMISSIONS.map((p) => p.id) });
	put('roles', { name: 'operator', title: 'Operator', title_zh: '操作员', builtin: true, permissions: ['point.read', 'sample.read', 'link.read'] });
	put('users', { name: 'zhang', full_name: '张工', role: role.id, lang: 'zh', enabled: true });
	put('tenants', { code: 'default', name: 'Default', enabled: true });
	if (process.env.MOCK_EMPTY === '1') return;
	const firm = put('places', { level: 'enterprise', code: 'DFJX', name: '东方机械' });
	const site = put('places', { level: 'site', code: 'F1', name: '一号工厂', parent: firm.id });
	const heat = put('places', { level: 'area', code: 'HT', name: '热处理车间', parent: site.id });
	const paint = put('places', { level: 'area', code: 'PT', name: '涂装车间', parent: site.id });
	const line = put('places', { level: 'line', code: 'L1', name: '1 号线', parent: heat.id });
	const c1 = put('connections', { code: 'plc-net', name: '热处理 PLC 网络', driver: 'modbus-tcp', config: { host: '192.168.1.50', port: 502, timeout_ms: 500 }, enabled: true });
	const c2 = put('connections', { code: 'meters', name: '电表 485 总线', driver: 'modbus-tcp', config: { host: '192.168.1.61', port: 4001 }, enabled: true });
	const make = (c: Rec, place: Rec | null, code: string, name: string, n: number, period: number): void => {
		const d = put('devices', { connection: c.id, place: place?.id ?? null, code, name, config: { unit: 1 }, enabled: true });
		const g = put('groups', { device: d.id, code: 'main', name: '', period_ms: period, enabled: true });
		const kinds = [['温度', '°C', 'f32'], ['炉压', 'Pa', 'f32'], ['电流', 'A', 'f32'], ['转速', 'r/min', 'u16'], ['运行状态', '', 'u16'], ['电能', 'kW·h', 'f64']];
		for (let i = 0; i < n; i++) {
			const [what, unit, type] = kinds[i % kinds.length]!;
			put('points', {
				device: d.id, group: g.id, code: `${['TI', 'PI', 'II', 'SI', 'XS', 'EQ'][i % 6]}-${100 + i}`, name: `${Math.floor(i / 6) + 1} 区${what}`, path: `DFJX/F1/HT/${code}/${i}`,
				address: String(40001 + i * 2), type, unit, access: i % 6 === 4 ? 'rw' : 'r', decimals: i % 6 === 0 ? 1 : null, enabled: true, store: true, scale: 1, offset: 0,
				state_texts: i % 6 === 4 ? { 0: '停机', 1: '运行', 2: '待料' } : null, between: i % 6 === 0 ? 'linear' : 'step',
			});
		}
	};
	make(c1, line, 'FURN-3', '3 号炉', 24, 1000);
	make(c1, line, 'FURN-4', '4 号炉', 36, 500);
	make(c1, heat, 'COOL-1', '冷却水站', 12, 1000);
	make(c2, paint, 'MTR-7', '7 号电表', 12, 5000);
	make(c2, paint, 'MTR-12', '12 号电表', 2400, 5000);
	make(c2, null, 'SPARE', '备用网关', 0, 1000);
	for (let i = 0; i < 30; i++)
		audit.push({
			id: randomUUID(), seq: 30 - i, time: new Date(Date.now() - i * 431000).toISOString(), kind: 'user', name: i % 4 ? 'zhang' : 'li', outcome: i === 6 ? 'denied' : 'ok', peer: '192.168.1.23',
			deed: ['point.patch', 'device.create', 'session.sign_in', 'point.import', 'connection.patch'][i % 5], noun: ['point', 'device', '', 'point', 'connection'][i % 5],
			changes: i % 5 === 0 ? { changes: [{ noun: 'point', op: 'update', before: { code: 'TI-100', unit: '℃', decimals: null, limit_hh: 950, enabled: false }, after: { code: 'TI-100', unit: '°C', decimals: 1, limit_hh: 1000, enabled: true } }] }
				: i % 5 === 1 ? { changes: [{ noun: 'device', op: 'create', after: { code: 'FURN-4', name: '4 号炉' } }] }
				: i % 5 === 3 ? { changes: [{ import: '312 points from 点表.csv' }] } : null,
		});
}

const PERMISSIONS = [
	['point.read', 'See points, places and their live values', '查看点位、位置和实时值'], ['point.write', 'Create, change, delete and import points and places', '新增、修改、删除、导入点位和位置'],
	['link.read', 'See connections, devices and scan groups', '查看通道、采集设备和采集组'], ['link.write', 'Create, change and delete connections, devices and scan groups', '新增、修改、删除通道、采集设备和采集组'],
	['sample.read', 'Read history', '查看历史数据'], ['sample.write', 'Send samples in', '写入数据'], ['command.send', 'Send commands to devices', '指令下发'],
	['user.read', 'See users and roles', '查看用户和角色'], ['user.write', 'Create, change and delete users and roles', '新增、修改、删除用户和角色'],
	['token.read', 'See API tokens', '查看接口令牌'], ['token.write', 'Create and revoke API tokens', '新增、吊销接口令牌'], ['audit.read', 'Read the audit log', '查看审计日志'],
	['system.read', "See the platform's state and figures", '查看平台状态和运行数据'],
].map(([id, title, title_zh]) => ({ id: id!, title, title_zh }));

const isDead = (d: Rec | undefined): boolean => d?.code === 'MTR-7' || d?.code === 'SPARE';
const BAD = 0x80310000;
const RANGE = 0x40940000;

function valueOf(p: Rec, ms: number): { v: number | null; q: number } {
	const n = (Number(p.address) - 40001) >> 1;
	const d = store.devices!.find((x) => x.id === p.device);
	if (isDead(d)) return { v: null, q: BAD };
	const x = ms / 1000;
	/* One outage of two minutes every 40 for some points, so that trends have something to show. */
	if (n % 7 === 1 && x % 2400 < 120) return { v: null, q: BAD };
	const wave = Math.sin(x / (300 + (n % 9) * 60)) + 0.25 * Math.sin(x / 17 + n) + 0.05 * Math.sin(x * 1.3 + n * 7);
	switch (n % 6) {
		case 0: return { v: 820 + 60 * wave + n, q: 0 };
		case 1: return { v: Math.round((35 + 8 * wave) * 100) / 100, q: n % 24 === 1 ? RANGE : 0 };
		case 2: return { v: Math.round((12 + 4 * wave) * 1000) / 1000, q: 0 };
		case 3: return { v: Math.round(1450 + 40 * wave), q: 0 };
		case 4: return { v: Math.floor(x / 600 + n) % 3, q: 0 };
		default: return { v: Math.round(x - 1.7e9) / 10, q: 0 };
	}
}

function problem(res: ServerResponse, status: number, code: string, detail: string, more: Record<string, unknown> = {}): void {
	send(res, status, { type: `/errors/${code}`, code, title: code, status, detail, instance: randomUUID(), ...more }, 'application/problem+json');
}
function send(res: ServerResponse, status: number, body?: unknown, type = 'application/json', headers: Record<string, string> = {}): void {
	res.writeHead(status, { 'Content-Type': type, ...headers });
	res.end(body === undefined ? undefined : JSON.stringify(body));
}
const body = (req: IncomingMessage): Promise<string> => new Promise((ok) => {
	let s = '';
	req.on('data', (c) => (s += c));
	req.on('end', () => ok(s));
});

const session = (): unknown => signedIn
	? {
		signed_in: true, needs_setup: false, version: '0.1.0', principal: { kind: 'user', id: 'u', name: 'zhang', full_name: '张工' }, role: 'administrator',
		tenant: { id: 't', code: 'default', name: 'Default' }, permissions: [...PERMISSIONS.map((p) => p.id), 'tenant.read'], csrf: 'mock', lang: 'zh',
	}
	: { signed_in: false, needs_setup: !isSetUp, version: '0.1.0' };

function links(): unknown[] {
	const out: unknown[] = [];
	for (const c of store.connections!) {
		const devices = store.devices!.filter((d) => d.connection === c.id);
		out.push({ kind: 'connection', id: c.id, state: 'up', since: new Date(started).toISOString() });
		for (const d of devices) {
			const dead = isDead(d);
			const points = store.points!.filter((p) => p.device === d.id).length;
			out.push({
				kind: 'device', id: d.id, state: d.enabled === false ? 'disabled' : dead ? 'silent' : 'up', reason: dead ? '192.168.1.61:4001：500 ms 内无应答' : undefined,
				since: new Date(dead ? Date.now() - 754e3 : started).toISOString(), requests: Math.round((Date.now() - started) / 130), errors: dead ? 84 : 0,
			});
			for (const g of store.groups!.filter((x) => x.device === d.id))
				out.push({ kind: 'group', id: g.id, state: dead ? 'silent' : 'up', period_ms: g.period_ms, achieved: dead ? 0 : 0.998, last_us: dead ? undefined : 38400, missed: dead ? 151 : 0, points, bad: dead ? points : 0 });
		}
	}
	return out;
}

async function api(req: IncomingMessage, res: ServerResponse): Promise<void> {
	const url = new URL(req.url ?? '/', 'http://mock');
	const [noun = '', id] = url.pathname.replace('/api/v1/', '').split('/');
	const method = req.method ?? 'GET';
	const zh = (req.headers['accept-language'] ?? '').startsWith('zh');
	const text = method === 'GET' ? '' : await body(req);
	const json = (): Record<string, unknown> => JSON.parse(text || '{}') as Record<string, unknown>;
	if (noun === 'setup') {
		if (method === 'GET') return send(res, 200, { needed: !isSetUp });
		isSetUp = signedIn = true;
		return send(res, 201, session());
	}
	if (noun === 'session') {
		if (method === 'POST') {
			if (json().password !== 'tenon-tenon') return problem(res, 401, 'bad_sign_in', zh ? '用户名或密码错误' : 'user name or password is wrong');
			signedIn = true;
		}
		if (method === 'DELETE') {
			signedIn = false;
			return send(res, 204);
		}
		return send(res, 200, session());
	}
	if (!signedIn) return problem(res, 401, 'unauthenticated', zh ? '请登录，或提供有效的令牌' : 'sign in, or send a valid token');
	if (noun === 'types') return send(res, 200, { items: types });
	if (noun === 'permissions') return send(res, 200, { items: PERMISSIONS });
	if (noun === 'drivers') return send(res, 200, { items: drivers });
	if (noun === 'links') return send(res, 200, { items: links() });
	if (noun === 'audit') return send(res, 200, { items: audit, next: null });
	if (noun === 'status')
		return send(res, 200, {
			version: '0.1.0', started: new Date(started - 5400e3).toISOString(), uptime_s: Math.round((Date.now() - started + 5400e3) / 1000),
			counts: Object.fromEntries(Object.entries(store).map(([k, v]) => [k, v.length])),
			log: { appended: 91234, durable: 91231, samples: store.points!.length ? Math.round((Date.now() - started) * 1.284) : 0, disk_bytes: 48e6, failing: null },
			history: { head_samples: 612000, file_bytes: 3.2e9, file_samples: 1.94e9, bytes_per_sample: 1.65 },
		});
	if (noun === 'query') return query(json(), res);
	const list = store[noun];
	const type = types.find((t) => t.plural === noun);
	if (!list || !type) return problem(res, 404, 'missing', zh ? `没有页面 ${noun}` : `there is no page ${noun}`);
	if (noun === 'points' && id === 'import') return importPoints(text, url, res, zh);
	if (method === 'GET' && !id) return lists(list, url, res);
	const check = (r: Record<string, unknown>): { pointer: string; code: string; detail: string }[] => {
		const errors = [];
		for (const f of type.form.fields) {
			const v = r[f.name];
			if (f.flags?.includes('required') && (v === undefined || v === null || v === '')) errors.push({ pointer: `/${f.name}`, code: 'required', detail: zh ? `缺少 ${f.label_zh}` : `${f.label} is missing` });
			if (f.name === 'address' && v && !/^\d{1,6}(\.\d+)?$/.test(String(v))) errors.push({ pointer: '/address', code: 'invalid', detail: zh ? `地址 应形如 40001，现为 ${String(v)}` : `Address must be like 40001, is ${String(v)}` });
		}
		if (noun === 'connections' && (r.config as { host?: string })?.host === 'wrong') errors.push({ pointer: '/config/host', code: 'invalid', detail: zh ? '主机 无法解析' : 'Host cannot be resolved' });
		return errors;
	};
	if (method === 'POST') {
		const r = json();
		const errors = check(r);
		if (errors.length) return problem(res, 422, errors[0]!.code, errors[0]!.detail, { errors });
		if (list.some((x) => x.code && x.code === r.code && x.device === r.device && noun !== 'groups' && noun !== 'points')) {
			const detail = zh ? `编码 为 ${String(r.code)} 的记录已存在` : `a record with code ${String(r.code)} exists already`;
			return problem(res, 409, 'exists', detail, { errors: [{ pointer: '/code', code: 'exists', detail }] });
		}
		if (noun === 'points') r.device = store.groups!.find((g) => g.id === r.group)?.device;
		const made = put(noun, r);
		return send(res, 201, noun === 'tokens' ? { ...made, secret: `tnn_${randomUUID().replace(/-/g, '')}` } : made, 'application/json', { ETag: `"${made.rev}"` });
	}
	const rec = list.find((r) => r.id === id);
	if (!rec) return problem(res, 404, 'missing', zh ? `没有记录 ${String(id)}` : `there is no record ${String(id)}`);
	if (method === 'GET') return send(res, 200, rec, 'application/json', { ETag: `"${rec.rev}"` });
	const match = req.headers['if-match']?.replace(/"/g, '');
	if (match && Number(match) !== rec.rev) return problem(res, 412, 'precondition', 'changed', { current: rec, differs: Object.keys(method === 'DELETE' ? {} : json()).filter((k) => rec[k] !== json()[k]) });
	if (method === 'PATCH') {
		const r = { ...rec, ...json() };
		const errors = check(r);
		if (errors.length) return problem(res, 422, errors[0]!.code, errors[0]!.detail, { errors });
		Object.assign(rec, json(), { rev: rec.rev + 1, updated: new Date().toISOString() });
		return send(res, 200, rec, 'application/json', { ETag: `"${rec.rev}"` });
	}
	const users: Record<string, [string, string]> = { connections: ['devices', 'connection'], devices: ['groups', 'device'], groups: ['points', 'group'], places: ['devices', 'place'] };
	const [by, field] = users[noun] ?? ['', ''];
	const n = by ? store[by]!.filter((x) => x[field] === id).length : 0;
	if (n) return problem(res, 409, 'in_use', zh ? `${String(rec.code)} 仍被 ${n} 个记录使用` : `${String(rec.code)} is still used by ${n} records`);
	list.splice(list.indexOf(rec), 1);
	return send(res, 204);
}

function lists(list: Rec[], url: URL, res: ServerResponse): void {
	let items = [...list];
	const p = url.searchParams;
	const q = p.get('q')?.toLowerCase();
	if (q) items = items.filter((r) => ['code', 'name', 'full_name', 'description', 'address'].some((k) => String(r[k] ?? '').toLowerCase().includes(q)));
	for (const [k, v] of p) {
		if (['q', 'limit', 'cursor', 'sort', 'count', 'fields'].includes(k)) continue;
		if (k.endsWith('.in')) items = items.filter((r) => v.split(',').includes(String(r[k.slice(0, -3)])));
		else items = items.filter((r) => String(r[k]) === v);
	}
	const sort = p.get('sort');
	if (sort) {
		const key = sort.replace('-', '');
		items.sort((a, b) => String(a[key] ?? '').localeCompare(String(b[key] ?? ''), undefined, { numeric: true }) * (sort.startsWith('-') ? -1 : 1));
	}
	const from = Number(p.get('cursor') ?? 0);
	const limit = Number(p.get('limit') ?? 100);
	send(res, 200, { items: items.slice(from, from + limit), next: from + limit < items.length ? String(from + limit) : null, count: items.length });
}

function importPoints(text: string, url: URL, res: ServerResponse, zh: boolean): void {
	const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
	const form = types.find((t) => t.name === 'point')!.form;
	const head = (lines[0] ?? '').split(',').map((h) => form.fields.find((f) => [f.name, f.label, f.label_zh].includes(h))?.name ?? h);
	const report = { dry_run: url.searchParams.get('dry_run') === 'true', rows: 0, created: 0, updated: 0, unchanged: 0, failed: 0, errors: [] as unknown[] };
	const good: Record<string, unknown>[] = [];
	lines.slice(1).forEach((l, i) => {
		if (!l.trim()) return;
		report.rows++;
		const r: Record<string, unknown> = Object.fromEntries(l.split(',').map((c, k) => [head[k], c]));
		const before = report.errors.length;
		const wrong = (column: string, code: string, detail: string): void => void report.errors.push({ line: i + 2, column, code, detail });
		if (!r.code) wrong('code', 'required', zh ? '缺少 编码' : 'Code is missing');
		if (!/^\d{1,6}$/.test(String(r.address))) wrong('address', 'invalid', zh ? `地址 应形如 40001，现为 ${String(r.address)}` : `Address must be like 40001, is ${String(r.address)}`);
		if (r.type && !['f32', 'u16', 'i16', 'bool', 'f64'].includes(String(r.type))) wrong('type', 'not_a_word', zh ? `数据类型 只能取 bool、i16、u16、f32 …，现为 ${String(r.type)}` : `Data type must be one of bool, i16, u16, f32 …, is ${String(r.type)}`);
		if (report.errors.length > before) report.failed++;
		else good.push(r);
	});
	report.created = good.length;
	const partial = url.searchParams.get('partial') === 'true';
	if (!report.dry_run && (!report.failed || partial)) for (const r of good) put('points', { ...r, device: store.groups!.find((g) => g.id === r.group)?.device, type: r.type || 'f32', enabled: true });
	if (report.failed && !partial) return send(res, 422, { type: '/errors/invalid_rows', title: 'invalid rows', status: 422, detail: 'rows are wrong', ...report }, 'application/problem+json');
	send(res, 200, report);
}

function query(q: Record<string, unknown>, res: ServerResponse): void {
	const from = Date.parse(String(q.from));
	const to = Math.min(Date.parse(String(q.to)), Date.now());
	const step = q.step ? Number(String(q.step).replace('s', '')) * 1000 : 0;
	const series = (q.points as string[]).flatMap((id) => {
		const p = store.points!.find((x) => x.id === id);
		if (!p) return [];
		const s = { point: id, path: p.path, type: 'f64', unit: p.unit, t: [] as number[], v: [] as (number | null)[] | undefined, min: [] as (number | null)[], max: [] as (number | null)[], q: [] as number[] };
		const every = step || 1000;
		for (let ms = Math.ceil(Math.max(from, Date.now() - 9 * 86400e3) / every) * every; ms < to; ms += every) {
			const many = step ? Array.from({ length: 8 }, (_, k) => valueOf(p, ms + (k * step) / 8)) : [valueOf(p, ms)];
			const good = many.flatMap((m) => (m.v === null ? [] : [m.v]));
			s.t.push(ms * 1000);
			s.v!.push(good[0] ?? null);
			s.min.push(good.length ? Math.min(...good) : null);
			s.max.push(good.length ? Math.max(...good) : null);
			s.q.push(Math.max(...many.map((m) => m.q)));
		}
		if (step) delete s.v;
		return [s];
	});
	send(res, 200, { from: q.from, to: q.to, series });
}

/* ---- the socket: RFC 6455, text frames only ---- */
function frame(s: string): Buffer {
	const b = Buffer.from(s);
	const head = b.length < 126 ? Buffer.from([0x81, b.length]) : b.length < 65536 ? Buffer.from([0x81, 126, b.length >> 8, b.length & 255]) : Buffer.from([0x81, 127, 0, 0, 0, 0, (b.length >>> 24) & 255, (b.length >> 16) & 255, (b.length >> 8) & 255, b.length & 255]);
	return Buffer.concat([head, b]);
}
function onSocket(req: IncomingMessage, socket: Duplex): void {
	const accept = createHash('sha1').update(`${req.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
	socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
	const subs = new Map<string, string[]>();
	let rest = Buffer.alloc(0);
	let message = '';
	const values = (id: string): void => {
		const byId = new Map(store.points!.map((p) => [p.id, p]));
		const rows = (subs.get(id) ?? []).flatMap((pid, i) => {
			const p = byId.get(pid);
			if (!p) return [];
			const { v, q } = valueOf(p, Date.now());
			return [[i, Date.now() * 1000, v, q]];
		});
		if (rows.length) socket.write(frame(JSON.stringify({ op: 'values', id, v: rows })));
	};
	const timer = setInterval(() => subs.forEach((_, id) => values(id)), 1000);
	socket.on('close', () => clearInterval(timer));
	socket.on('error', () => clearInterval(timer));
	socket.on('data', (d: Buffer) => {
		rest = Buffer.concat([rest, d]);
		for (;;) {
			if (rest.length < 6) return;
			let len = rest[1]! & 127;
			let at = 2;
			if (len === 126) { len = rest.readUInt16BE(2); at = 4; } else if (len === 127) { len = Number(rest.readBigUInt64BE(2)); at = 10; }
			if (rest.length < at + 4 + len) return;
			const mask = rest.subarray(at, at + 4);
			const data = Buffer.from(rest.subarray(at + 4, at + 4 + len)).map((x, i) => x ^ mask[i % 4]!);
			const op = rest[0]! & 15;
			const isLast = (rest[0]! & 128) !== 0;
			rest = rest.subarray(at + 4 + len);
			if (op === 8) return void socket.end();
			if (op > 1) continue;
			message = (op ? '' : message) + Buffer.from(data).toString();
			if (!isLast) continue;
			const f = JSON.parse(message) as { op: string; id: string; points: string[] };
			if (f.op === 'hello') socket.write(frame('{"op":"hello","principal":"zhang"}'));
			if (f.op === 'subscribe') {
				subs.set(f.id, f.points);
				socket.write(frame(JSON.stringify({ op: 'subscribed', id: f.id, points: f.points })));
				values(f.id);
			}
			if (f.op === 'unsubscribe') subs.delete(f.id);
		}
	});
}

export function mock(): Plugin {
	const hook = (use: (fn: (req: IncomingMessage, res: ServerResponse, next: () => void) => void) => void, http: Pick<Server, 'on'> | null): void => {
		if (!store.roles!.length) seed();
		http?.on('upgrade', (req: IncomingMessage, socket: Duplex) => {
			if (req.url === '/api/v1/live') onSocket(req, socket);
		});
		use((req, res, next) => {
			if (!req.url?.startsWith('/api/')) return next();
			api(req, res).catch((e: unknown) => problem(res, 500, 'broken', String(e)));
		});
	};
	return {
		name: 'mock',
		configureServer: (s) => hook((fn) => s.middlewares.use(fn), s.httpServer as Server | null),
		configurePreviewServer: (s) => hook((fn) => s.middlewares.use(fn), s.httpServer as Server | null),
	};
}
