/* Types and drivers of the mock server: types.json is what rec_form() writes for the tables of the platform. */
import type { Driver } from '../src/api/contract';
import type { TypeForm, TypeRow } from '../src/form/description';
import described from './types.json' with { type: 'json' };

const forms = described as unknown as TypeForm[];
const of = (name: string): TypeForm => forms.find((f) => f.name === name)!;

export const types: TypeRow[] = forms.filter((f) => f.stored).map((form) => ({
	name: form.name, plural: form.plural ?? form.name, title: form.title, title_zh: form.title_zh, doc: form.doc, doc_zh: form.doc_zh, may_read: true, may_write: true, form,
}));

export const drivers: Driver[] = [{
	name: 'modbus-tcp', title: 'Modbus TCP', title_zh: 'Modbus TCP', doc: 'PLCs, meters, drives and gateways that speak Modbus TCP',
	doc_zh: '使用 Modbus TCP 的 PLC、仪表、变频器和网关', connection: of('modbus_connection'), device: of('modbus_device'), caps: ['read', 'write'],
	address: { hint: '4xxxx holding registers, 3xxxx input registers, 1xxxx discrete inputs, 0xxxx coils', hint_zh: '4xxxx 保持寄存器，3xxxx 输入寄存器，1xxxx 离散输入，0xxxx 线圈', examples: ['40001', '40001.3', '30017', '10001'] },
}];
