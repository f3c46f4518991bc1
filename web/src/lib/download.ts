/** Hands the browser a file made here. The byte order mark makes spreadsheets read UTF-8 as UTF-8. */
export function download(name: string, text: string, type = 'text/csv'): void {
	const url = URL.createObjectURL(new Blob(['\ufeff', text], { type: `${type};charset=utf-8` }));
	const a = document.createElement('a');
	a.href = url;
	a.download = name;
	a.click();
	URL.revokeObjectURL(url);
}
