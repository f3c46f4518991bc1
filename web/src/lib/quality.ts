/* Quality of a sample: OPC UA status codes (OPC 10000-4, 7.39). The two top bits are the severity. test/quality.test.ts holds
 * this table against src/model/quality.def. */
import type { Severity } from '../api/contract';

export const QUALITIES: Record<number, string> = {
	0x00000000: 'good',
	0x00960000: 'good_local_override',
	0x00a20000: 'good_entry_inserted',
	0x00dc0000: 'good_edited',
	0x40000000: 'uncertain',
	0x40900000: 'uncertain_last_usable',
	0x40bc0000: 'uncertain_clock',
	0x40940000: 'uncertain_range',
	0x80000000: 'bad',
	0x80890000: 'bad_configuration',
	0x808a0000: 'bad_not_connected',
	0x808b0000: 'bad_device_failure',
	0x808c0000: 'bad_sensor_failure',
	0x808d0000: 'bad_out_of_service',
	0x80310000: 'bad_no_communication',
	0x80320000: 'bad_waiting',
	0x800a0000: 'bad_timeout',
	0x80340000: 'bad_address',
	0x803d0000: 'bad_not_supported',
	0x80ee0000: 'bad_busy',
	0x80070000: 'bad_protocol',
	0x80740000: 'bad_type',
	0x803c0000: 'bad_out_of_range',
};

export const WAITING = 0x80320000;

export function severity(q: number): Severity {
	const top = q >>> 30;
	return top === 0 ? 'good' : top === 1 ? 'uncertain' : 'bad';
}

/** The id of a code; of its severity when the code is not one of ours. */
export function qualityId(q: number): string {
	return QUALITIES[q >>> 0] ?? severity(q);
}
