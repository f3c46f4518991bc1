/* Calm greys; colour is kept for what is abnormal and for what can be pressed (ISA-101). */
import { theme as antd, type ThemeConfig } from 'antd';

export const FONT = '"Segoe UI", "Helvetica Neue", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Source Han Sans SC", Arial, sans-serif';
export const MONO = '"Cascadia Mono", Consolas, Menlo, "DejaVu Sans Mono", monospace';

const both = {
	token: {
		borderRadius: 4, fontSize: 13, fontFamily: FONT, fontFamilyCode: MONO, controlHeight: 30, motionDurationMid: '0.1s', motionDurationSlow: '0.15s',
	},
	components: {
		Table: { cellPaddingBlockSM: 3, cellPaddingInlineSM: 10, headerBorderRadius: 0 },
		Form: { itemMarginBottom: 14, verticalLabelPadding: '0 0 3px' },
		Menu: { itemHeight: 32, itemBorderRadius: 4, itemMarginInline: 6, itemMarginBlock: 1, groupTitleFontSize: 12 },
		Button: { primaryShadow: 'none', defaultShadow: 'none', dangerShadow: 'none' },
		Card: { headerHeightSM: 38 },
	},
};

const light: ThemeConfig = {
	token: {
		...both.token, colorPrimary: '#2b6485', colorInfo: '#2b6485', colorSuccess: '#3d7a4d', colorWarning: '#b07400', colorError: '#b3261e', colorLink: '#23597a',
		colorBgLayout: '#eef0f2', colorBorder: '#c9ced4', colorBorderSecondary: '#e1e4e8', colorText: '#1d242b', colorTextSecondary: '#4d5863', colorTextTertiary: '#5c6772',
		colorTextPlaceholder: '#67727d', colorTextDescription: '#4d5863', controlItemBgActive: '#e3ecf2', controlItemBgHover: '#f0f3f5',
		/* Tints of these quiet colours as antd mixes them are murky. */
		colorPrimaryBg: '#e3ecf2', colorPrimaryBgHover: '#d5e2ea', colorInfoBg: '#eef5f9', colorInfoBorder: '#b9d2e0', colorSuccessBg: '#eaf4ec', colorSuccessBorder: '#b7d6be',
		colorWarningBg: '#fdf3dc', colorWarningBorder: '#e8cf98', colorErrorBg: '#fbe9e7', colorErrorBorder: '#efbab5',
	},
	components: {
		...both.components, Table: { ...both.components.Table, headerBg: '#f3f5f7', headerColor: '#3c4752' },
		Menu: { ...both.components.Menu, itemSelectedBg: '#e3ecf2', itemSelectedColor: '#1d4f6c', itemActiveBg: '#e3ecf2' },
	},
};

const dark: ThemeConfig = {
	algorithm: antd.darkAlgorithm,
	token: {
		...both.token, colorPrimary: '#3a82ab', colorInfo: '#3a82ab', colorSuccess: '#5d9c6e', colorWarning: '#d19a35', colorError: '#e0685d', colorLink: '#84bfe0', colorLinkHover: '#a5d2ec',
		colorBgLayout: '#14191e', colorBgContainer: '#1d242b', colorBgElevated: '#262e36', colorBorder: '#4a555f', colorBorderSecondary: '#333d46',
		colorText: '#e4e8ec', colorTextSecondary: '#b2bcc6', colorTextTertiary: '#9da8b3', colorTextPlaceholder: '#94a0ab', colorTextDescription: '#b2bcc6',
		controlItemBgActive: '#2b3d4a', controlItemBgHover: '#2a333b',
	},
	components: {
		...both.components, Table: { ...both.components.Table, headerBg: '#262e36', headerColor: '#c3ccd4' },
		Button: { ...both.components.Button, primaryColor: '#fff', colorPrimary: '#2f7196', colorPrimaryHover: '#3a82ab', colorPrimaryActive: '#275f7f' },
		Tabs: { itemSelectedColor: '#84bfe0', itemHoverColor: '#a5d2ec', inkBarColor: '#84bfe0' },
		Menu: { ...both.components.Menu, itemSelectedBg: '#2b3d4a', itemSelectedColor: '#b8ddf2', itemActiveBg: '#2b3d4a' },
	},
};

export const themeOf = (isDark: boolean): ThemeConfig => (isDark ? dark : light);
