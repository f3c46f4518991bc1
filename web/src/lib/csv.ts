/* CSV as people paste it: RFC 4180, and tab- or semicolon-separated as spreadsheets put it on the clipboard. */

export interface Table {
	/** Rows with the line of the text (from 1) at which each begins. */
	rows: { line: number; cells: string[] }[];
	separator: string;
}

export function guessSeparator(text: string): string {
	const first = text.slice(0, 4000).split(/\r?\n/, 1)[0] ?? '';
	const counts = [',', '\t', ';'].map((s) => ({ s, n: first.split(s).length }));
	counts.sort((a, b) => b.n - a.n);
	return counts[0]!.n > 1 ? counts[0]!.s : ',';
}

export function parseCsv(text: string, separator = guessSeparator(text)): Table {
	if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
	const rows: Table['rows'] = [];
	let cells: string[] = [];
	let cell = '';
	let quoted = false;
	let line = 1;
	let begin = 1;
	const endRow = (): void => {
		cells.push(cell);
		if (cells.length > 1 || cells[0]!.trim() !== '') rows.push({ line: begin, cells });
		cells = [];
		cell = '';
	};
	for (let i = 0; i < text.length; i++) {
		const c = text[i]!;
		if (quoted) {
			if (c === '"' && text[i + 1] === '"') {
				cell += '"';
				i++;
			} else if (c === '"') quoted = false;
			else {
				if (c === '\n') line++;
				cell += c;
			}
		} else if (c === '"' && cell === '') quoted = true;
		else if (c === separator) {
			cells.push(cell);
			cell = '';
		} else if (c === '\n' || c === '\r') {
			if (c === '\r' && text[i + 1] === '\n') i++;
			endRow();
			line++;
			begin = line;
		} else cell += c;
	}
	if (cell !== '' || cells.length) endRow();
	return { rows, separator };
}

export function formatCsv(rows: string[][]): string {
	return rows.map((r) => r.map((c) => (/[",\r\n]/.test(c) ? `"${c.replace(/"/g, '""')}"` : c)).join(',')).join('\r\n') + '\r\n';
}

/** The rows as text again, each at the line where it was: errors the server names by line then fit what is on the screen. */
export function formatLines(rows: Table['rows']): string {
	const out: string[] = [];
	let line = 1;
	for (const row of rows) {
		for (; line < row.line; line++) out.push('\r\n');
		const written = formatCsv([row.cells]);
		out.push(written);
		line += written.split('\r\n').length - 1 + (written.match(/(?<!\r)\n/g)?.length ?? 0);
	}
	return out.join('');
}
