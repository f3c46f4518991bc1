/** Hands the browser a file. */
export function downloadBlob(name: string, blob: Blob): void {
	const url = URL.createObjectURL(blob);
	const a = document.createElement('a');
	a.href = url;
	a.download = name;
	a.click();
	URL.revokeObjectURL(url);
}

/** Hands the browser a file made here. The byte order mark makes spreadsheets read UTF-8 as UTF-8. */
export function download(name: string, text: string, type = 'text/csv'): void {
	downloadBlob(name, new Blob(['\ufeff', text], { type: `${type};charset=utf-8` }));
}
