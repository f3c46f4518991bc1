/*
 * The servers behind the browser tests. In order of preference:
 *   TENON_URL (+ TENON_START, TENON_SIM)   servers somebody else started
 *   TENON=build/tenon                      starts `sim` and `serve` on free ports, in a folder of its own, and stops them
 *   TENON_MOCK=1                           the console's own server of straw (web/dev), to test the console without the platform
 * With none of them every test is skipped, in one line.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestProject } from 'vitest/node';

export interface Servers {
	url: string;
	/** The one-time link. */
	start: string;
	/** "127.0.0.1:5020"; empty: no simulator. */
	sim: string;
	simPid: number;
	program: string;
	why: string;
}
declare module 'vitest' {
	export interface ProvidedContext {
		servers: Servers;
	}
}

const WEB = resolve(import.meta.dirname, '../../web');
const children: ChildProcess[] = [];
const closers: (() => void)[] = [];
let stopping = false;

/** Starts the program and waits for its lines; everything it prints stays visible when it dies. */
export function start(program: string, args: string[], want: RegExp[], limitMs = 20_000): Promise<{ child: ChildProcess; found: string[] }> {
	const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
	children.push(child);
	return new Promise((ok, fail) => {
		const found: string[] = [];
		let said = '';
		const timer = setTimeout(() => fail(new Error(`${program} ${args.join(' ')}: not ready after ${limitMs} ms:\n${said}`)), limitMs);
		const onLine = (line: string): void => {
			said += `${line}\n`;
			want.forEach((w, i) => {
				const m = w.exec(line);
				if (m) found[i] = m[1]!;
			});
			if (found.filter(Boolean).length === want.length) {
				clearTimeout(timer);
				ok({ child, found });
			}
		};
		createInterface(child.stdout!).on('line', onLine);
		createInterface(child.stderr!).on('line', onLine);
		child.on('error', fail);
		child.on('exit', (code, signal) => {
			clearTimeout(timer);
			if (!stopping && (code || (signal && signal !== 'SIGKILL'))) console.error(`${program} ${args[0]} ended with ${code ?? signal}:\n${said.split('\n').slice(-30).join('\n')}`);
			fail(new Error(`${program} ${args.join(' ')} ended with ${code}:\n${said}`));
		});
	});
}

/** Ends what this process started, and when all have ended removes the folder; a test file has its own list. */
export async function stopAll(folder?: string): Promise<void> {
	stopping = true;
	const live = children.filter((c) => c.exitCode === null && c.signalCode === null);
	await Promise.all(live.map((c) => new Promise((ended) => {
		c.once('exit', ended);
		c.kill('SIGTERM');
	})));
	if (folder) rmSync(folder, { recursive: true, force: true });
}

/** The console as it was built last, for `serve`; none: what the program has inside. */
export function webOptions(): string[] {
	const folder = [resolve(WEB, '../build/console'), join(WEB, 'dist')].find((d) => existsSync(join(d, 'index.html')));
	return folder ? ['--web', folder] : [];
}

/** A platform of its own in a new folder: where it is, and the one-time link. */
export async function platform(program: string, ...options: string[]): Promise<{ child: ChildProcess; url: string; link: string; data: string }> {
	const data = mkdtempSync(join(tmpdir(), 'tenon-web-'));
	const { child, found } = await start(program, ['serve', ...options, '--data', data, '--listen', '127.0.0.1:0', ...webOptions()], [/^ready (http\S+)/, /^(?:start|setup) (http\S+)/]);
	return { child, url: found[0]!, link: found[1]!, data };
}

async function ofProgram(program: string, data: string): Promise<Servers> {
	const sim = await start(program, ['sim', '--listen', '127.0.0.1:0'], [/^ready modbus (\S+)/]);
	const args = ['serve', '--data', data, '--listen', '127.0.0.1:0', ...webOptions()];
	const serve = await start(program, args, [/^ready (http\S+)/, /^(?:start|setup) (http\S+)/]);
	return { url: serve.found[0]!, start: serve.found[1]!, sim: sim.found[0]!, simPid: sim.child.pid!, program, why: '' };
}

async function ofStraw(): Promise<Servers> {
	process.env.MOCK_EMPTY = '1';
	const { preview } = await import('vite');
	const straw = await preview({ root: WEB, configFile: join(WEB, 'vite.config.ts'), preview: { port: 0, host: '127.0.0.1' }, logLevel: 'error' });
	const at = straw.httpServer.address() as { port: number };
	closers.push(() => {
		(straw.httpServer as Server).closeAllConnections();
		void straw.close();
	});
	const url = `http://127.0.0.1:${at.port}`;
	return { url, start: `${url}/start#K7QF-TEST`, sim: '', simPid: 0, program: '', why: '' };
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
	const none: Servers = { url: '', start: '', sim: '', simPid: 0, program: '', why: '' };
	const env = process.env;
	const data = mkdtempSync(join(tmpdir(), 'tenon-web-'));
	const program = env.TENON ? resolve(env.TENON) : '';
	let servers = none;
	if (env.TENON_URL) servers = { ...none, url: env.TENON_URL, start: env.TENON_START ?? '', sim: env.TENON_SIM ?? '' };
	else if (env.TENON_MOCK) servers = await ofStraw();
	else if (program && existsSync(program)) servers = await ofProgram(program, data);
	else servers = { ...none, why: program ? `${program} is not built` : 'neither TENON nor TENON_URL is set' };
	if (!servers.why && !existsSync('/usr/bin/chromium')) servers = { ...servers, why: 'no chromium here' };
	if (servers.why) console.log(`browser tests skipped: ${servers.why}`);
	project.provide('servers', servers);
	return async () => {
		closers.forEach((close) => close());
		await stopAll(data);
	};
}
