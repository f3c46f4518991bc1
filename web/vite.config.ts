/* How the console is built: content-hashed files in dist/, each with a .gz beside it, nothing inlined (the server's
 * Content-Security-Policy allows only files of our own). `npm run dev` and `npm run preview` answer the API from
 * dev/mock.ts, or hand it to a running server when TENON_URL is set. */
import { gzipSync } from 'node:zlib';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig, type Plugin } from 'vite';
import react from '@vitejs/plugin-react';
import { mock } from './dev/mock.ts';

const CSP = "default-src 'self'; style-src 'self' 'unsafe-inline'";
const server = process.env.TENON_URL;

function compressed(): Plugin {
	return {
		name: 'compressed',
		apply: 'build',
		closeBundle() {
			const walk = (dir: string): void => {
				for (const name of readdirSync(dir)) {
					const path = join(dir, name);
					if (statSync(path).isDirectory()) walk(path);
					else if (!name.endsWith('.gz')) writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
				}
			};
			walk('dist');
		},
	};
}

export default defineConfig({
	plugins: [react(), compressed(), ...(server ? [] : [mock()])],
	server: server ? { proxy: { '/api': { target: server, ws: true } } } : {},
	preview: { headers: { 'Content-Security-Policy': CSP } },
	build: {
		target: 'es2022',
		assetsInlineLimit: 0,
		sourcemap: false,
		chunkSizeWarningLimit: 900,
		reportCompressedSize: false,
	},
	test: { include: ['test/**/*.test.ts', 'test/**/*.test.tsx'], environment: 'node' },
} as Parameters<typeof defineConfig>[0]);
