/* What the page tells people to type works as it stands: the address, the path, the credential. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { doorsAt } from '../src/screens/SendIn';

const contract = readFileSync(join(import.meta.dirname, '../../src/api/samples.md'), 'utf8');

describe('how samples are sent', () => {
	const doors = doorsAt('https://plant.example');
	it('names the doors of the contract', () => {
		expect(doors.map((d) => d.key)).toEqual(['prometheus', 'lines', 'batches']);
		for (const d of doors) {
			const path = /https:\/\/plant\.example\/api\/v1(\/[a-z/]+)/.exec(d.text)?.[1];
			expect(contract).toContain(`POST ${path}`);
			expect(d.text).toContain('tnn_…');
		}
	});
	it('gives Prometheus the very lines of the contract', () => {
		expect(contract).toContain(doors[0]!.text);
	});
});
