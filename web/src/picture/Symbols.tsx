/* Every symbol by its kind. Pure: what is drawn is what the pen reads. */
import type { Pen } from './draw';
import { said } from './draw';
import { Beacon, Belt, Column, Coolant, Door, Frame, Heater, Phase, Spindle, Triangle, Worktable } from './Machines';
import { Fan, Gauge, Level, Motor, Pipe, Pump, Valve } from './Process';
import { Alarm, Display, Lamp, Progress, State, Tag, Tags } from './Values';
import type { Part } from './template';

const LINES = { wall: 'pic-housing', soft: 'pic-axis', solid: 'pic-shaft' } as const;

export function Symbol({ part, pen }: { part: Part; pen: Pen }) {
	switch (part.kind) {
		case 'ground': return <path d={`M 0 ${part.y} H 4000`} className="pic-ground" />;
		case 'legs': return <path d={`M ${part.x} ${part.y} V ${part.to} M ${part.x + part.w} ${part.y} V ${part.to} M ${part.x} ${part.y + 70} L ${part.x + part.w} ${part.to} M ${part.x + part.w} ${part.y + 70} L ${part.x} ${part.to}`} className="pic-legs" />;
		case 'check': return <path d={`M ${part.x - 14} ${part.y - 14} V ${part.y + 14} L ${part.x + 14} ${part.y} Z M ${part.x + 14} ${part.y - 14} V ${part.y + 14}`} className="pic-check" />;
		case 'meter': return <g><circle cx={part.x} cy={part.y} r={part.r} className="pic-dial" /><text x={part.x} y={part.y + 5} className="pic-dial-text">{part.letters}</text></g>;
		case 'caption': return <text x={part.x} y={part.y} textAnchor={part.align ?? 'middle'} className="pic-caption">{said(pen, part)}</text>;
		case 'line': return <path d={part.d} className={LINES[part.cls]} />;
		case 'frame': return <Frame {...part} pen={pen} />;
		case 'pipe': return <Pipe {...part} pen={pen} />;
		case 'level': return <Level {...part} pen={pen} />;
		case 'pump': return <Pump {...part} pen={pen} />;
		case 'motor': return <Motor {...part} pen={pen} />;
		case 'fan': return <Fan {...part} pen={pen} />;
		case 'valve': return <Valve {...part} pen={pen} />;
		case 'gauge': return <Gauge {...part} pen={pen} />;
		case 'column': return <Column {...part} pen={pen} />;
		case 'heater': return <Heater {...part} pen={pen} />;
		case 'door': return <Door {...part} pen={pen} />;
		case 'belt': return <Belt {...part} pen={pen} />;
		case 'spindle': return <Spindle {...part} pen={pen} />;
		case 'worktable': return <Worktable {...part} pen={pen} />;
		case 'coolant': return <Coolant {...part} pen={pen} />;
		case 'beacon': return <Beacon {...part} pen={pen} />;
		case 'triangle': return <Triangle {...part} pen={pen} />;
		case 'phase': return <Phase {...part} pen={pen} />;
		case 'tag': return <Tag {...part} pen={pen} />;
		case 'tags': return <Tags {...part} pen={pen} />;
		case 'lamp': return <Lamp {...part} pen={pen} />;
		case 'state': return <State {...part} pen={pen} />;
		case 'alarm': return <Alarm {...part} pen={pen} />;
		case 'progress': return <Progress {...part} pen={pen} />;
		case 'display': return <Display {...part} pen={pen} />;
	}
}
