/* The faults as they come are grouped by machine, each with the place where one sees it. */
import { describe, expect, it } from 'vitest';
import { machinesOf, placeToLook, type DemoFault } from '../src/api/demo';

const fault = (id: string, more: Partial<DemoFault> = {}): DemoFault => ({
	id, fault: id.split('.')[1]!, where: 'machine', title: id, title_zh: id, look: '', look_zh: '', machine: id.split('.')[0]!,
	machine_title: id.split('.')[0]!, machine_title_zh: '', points: [], on: false, ...more,
});

describe('faults of the demonstration plant', () => {
	it('are grouped by machine in the order they came, and those that are on are counted', () => {
		const machines = machinesOf([fault('oven-1.leak', { on: true, device: 'd1' }), fault('cnc-1.leak'), fault('oven-1.dead', { on: true }), fault('oven-1.slow')]);
		expect(machines.map((m) => [m.code, m.faults.map((f) => f.fault), m.on])).toEqual([['oven-1', ['leak', 'dead', 'slow'], 2], ['cnc-1', ['leak'], 0]]);
		expect(machines[0]!.device).toBe('d1');
		expect(machinesOf([])).toEqual([]);
	});
	it('lead to the trend of their points, of the bus to the connection, and nowhere when its records are gone', () => {
		expect(placeToLook(fault('a.leak', { points: ['p1', 'p2'], connection: 'c' }))).toBe('/trend?p=p1,p2&range=5m');
		expect(placeToLook(fault('a.dead', { connection: 'c' }))).toBe('/collection/c');
		expect(placeToLook(fault('a.dead', { connection: null }))).toBeUndefined();
	});
});
