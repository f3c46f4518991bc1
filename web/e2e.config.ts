/* `npm run e2e`: a person's path through the console in Chromium (test/web). The servers come from test/web/server.ts. */
import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';

export default defineConfig({
	resolve: { alias: { 'playwright-core': resolve(import.meta.dirname, 'node_modules/playwright-core'), vite: resolve(import.meta.dirname, 'node_modules/vite') } },
	server: { fs: { allow: ['..'] } },
	test: {
		root: import.meta.dirname,
		dir: resolve(import.meta.dirname, '../test/web'),
		include: ['**/*.spec.ts'],
		globalSetup: [resolve(import.meta.dirname, '../test/web/server.ts')],
		testTimeout: 180_000,
		hookTimeout: 60_000,
		fileParallelism: false,
		sequence: { concurrent: false },
		bail: 1,
	},
});
