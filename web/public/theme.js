/* Before the first paint: light or dark, as chosen here, else as the system has it. src/app/appearance.ts goes on from there. */
(function () {
	var chosen = null;
	try { chosen = localStorage.getItem('tenon.theme'); } catch (e) { /* private mode: the system decides */ }
	var dark = chosen === 'dark' || (chosen !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
	document.documentElement.dataset.theme = dark ? 'dark' : 'light';
})();
