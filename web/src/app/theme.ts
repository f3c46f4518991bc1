/* Calm greys; colour is kept for what is abnormal and for what can be pressed (ISA-101). */
import type { ThemeConfig } from 'antd';

export const FONT = '"Segoe UI", "Helvetica Neue", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Source Han Sans SC", "WenQuanYi Micro Hei", Arial, sans-serif';
export const MONO = '"Cascadia Mono", Consolas, Menlo, "DejaVu Sans Mono", monospace';

export const theme: ThemeConfig = {
	token: {
		colorPrimary: '#2b6485',
		colorInfo: '#2b6485',
		colorSuccess: '#3d7a4d',
		colorWarning: '#b07400',
		colorError: '#b3261e',
		colorLink: '#23597a',
		colorBgLayout: '#eef0f2',
		colorBorder: '#c9ced4',
		colorBorderSecondary: '#e1e4e8',
		colorText: '#1d242b',
		colorTextSecondary: '#54606c',
		colorTextTertiary: '#6b7682',
		borderRadius: 4,
		fontSize: 13,
		fontFamily: FONT,
		fontFamilyCode: MONO,
		controlHeight: 30,
		controlItemBgActive: '#e3ecf2',
		controlItemBgHover: '#f0f3f5',
		motionDurationMid: '0.1s',
		motionDurationSlow: '0.15s',
	},
	components: {
		Table: { cellPaddingBlockSM: 3, cellPaddingInlineSM: 10, headerBg: '#f3f5f7', headerColor: '#3c4752', headerBorderRadius: 0 },
		Form: { itemMarginBottom: 14, verticalLabelPadding: '0 0 3px' },
		Menu: { itemSelectedBg: '#e3ecf2', itemSelectedColor: '#1d4f6c', itemActiveBg: '#e3ecf2', itemHeight: 34, itemBorderRadius: 4, itemMarginInline: 6, groupTitleFontSize: 12 },
		Card: { headerHeightSM: 38 },
	},
};
