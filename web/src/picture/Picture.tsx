/* A device's picture with live values: every symbol listens to its own points only, and the layout follows the width there is. */
import { memo, useCallback, useId, useMemo } from 'react';
import { LineChartOutlined } from '@ant-design/icons';
import { useHref, useNavigate } from 'react-router';
import { useLives, useSocketState } from '../api/live';
import { useSize } from '../app/hooks';
import { useText } from '../app/lang';
import { said, type Pen } from './draw';
import { readingOf, stateOf, type MachineState, type Reading } from './reading';
import type { Bound } from './rules';
import { Symbol } from './Symbols';
import { codesOfPart, codesOfState, partsOf, type Part } from './template';

/** Narrower than this many px, the narrow layout is drawn: text stays readable. */
const WIDE_FROM = 700;

/** Reads the codes as they are now, and draws again when one of them changes. */
function useReader(bound: Bound, codes: string[]): (code: string | undefined) => Reading | undefined {
	const isLost = useSocketState() === 'lost';
	const get = useLives(codes.flatMap((c) => bound.points.get(c)?.id ?? []));
	return (code) => {
		const p = code === undefined ? undefined : bound.points.get(code);
		return p && readingOf(p, get(p.id), isLost);
	};
}
export function useMachineState(bound: Bound): MachineState {
	return stateOf(bound.template, useReader(bound, useMemo(() => codesOfState(bound.template), [bound])));
}

const STATEFUL = new Set<Part['kind']>(['state', 'beacon']);
interface PartProps {
	part: Part;
	bound: Bound;
	hatch: string;
}
const LivePart = memo(function LivePart({ part, bound, hatch }: PartProps) {
	const { t, lang } = useText();
	const navigate = useNavigate();
	const base = useHref('/trend');
	const codes = useMemo(() => (STATEFUL.has(part.kind) ? codesOfState(bound.template) : codesOfPart(part)), [part, bound]);
	const read = useReader(bound, codes);
	const link = useCallback<Pen['link']>((id) => ({
		href: `${base}?p=${id}`,
		onClick: (e) => {
			if (e.ctrlKey || e.metaKey || e.shiftKey || e.button) return;
			e.preventDefault();
			void navigate(`/trend?p=${id}`);
		},
	}), [base, navigate]);
	const state = STATEFUL.has(part.kind) ? stateOf(bound.template, read) : { as: 'unknown' as const };
	return <Symbol part={part} pen={{ read, state, lang, t, link, hatch }} />;
});

export function Picture({ bound }: { bound: Bound }) {
	const { t, lang } = useText();
	const id = useId();
	const hatch = `hatch${id.replace(/\W/g, '')}`;
	const [box, size] = useSize<HTMLDivElement>();
	const { template } = bound;
	const isNarrow = size.width < WIDE_FROM;
	const layout = isNarrow ? template.narrow : template.wide;
	const parts = useMemo(() => partsOf(template, layout), [template, layout]);
	const title = said({ lang } as Pen, template);
	return (
		<section className="sheet picture" aria-label={t('picture.of', { name: title })}>
			<div className="picture-box" ref={box}>
				{size.width > 0 && (
					<svg viewBox={`0 ${layout.top} ${layout.width} ${layout.height - layout.top}`} className={isNarrow ? 'narrow' : 'wide'} role="group" aria-label={t('picture.of', { name: title })}>
						<defs><pattern id={hatch} width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path d="M 0 0 V 7" className="pic-hatch" /></pattern></defs>
						{parts.map((d, i) => (d.dx || d.dy || d.scale !== 1
							? <g key={`${isNarrow} ${i}`} transform={`translate(${d.dx} ${d.dy}) scale(${d.scale})`}><LivePart part={d.part} bound={bound} hatch={hatch} /></g>
							: <LivePart key={`${isNarrow} ${i}`} part={d.part} bound={bound} hatch={hatch} />))}
					</svg>
				)}
			</div>
			<p className="muted small picture-note"><LineChartOutlined /> {t('picture.hint')}</p>
		</section>
	);
}
