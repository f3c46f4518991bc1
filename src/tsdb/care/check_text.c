/* check_text.c - what a fault of the store means, for who has to do something about it. */
#include "tsdb/care/check.h"

static const struct { const char *text[LANG_N_]; } says[TSDB_FAULTS] = {
	[TSDB_FAULT_MANIFEST] = { { "the manifest cannot be read; it is made from the files at the next start, or by a repair",
		"清单无法读取；下次启动或修复时将由文件重建" } },
	[TSDB_FAULT_MISSING] = { { "a file is missing: restore it from a backup; a repair takes it off the manifest", "文件缺失：请由备份恢复；修复会将其移出清单" } },
	[TSDB_FAULT_FILE] = { { "nothing of this file can be read: restore it from a backup; a repair sets it aside", "文件完全无法读取：请由备份恢复；修复会将其移至 aside" } },
	[TSDB_FAULT_FOOTER] = { { "its end is damaged, its samples can be read: a repair writes it anew", "文件尾已损坏，样本仍可读取：修复会重写该文件" } },
	[TSDB_FAULT_PAGE] = { { "some samples cannot be read: restore it from a backup, or repair, which keeps the rest", "部分样本无法读取：请由备份恢复，或修复以保留其余样本" } },
	[TSDB_FAULT_ORDER] = { { "some samples are not in order: repair, which keeps the rest", "部分样本次序错误：请修复以保留其余样本" } },
	[TSDB_FAULT_FIGURES] = { { "the manifest says other numbers than the file: repair", "清单与文件的数目不一致：请修复" } },
	[TSDB_FAULT_INDEX] = { { "the side index is lost or wrong; it is made again when the file is used", "旁索引丢失或有误；使用该文件时自动重建" } },
	[TSDB_FAULT_DICTIONARY] = { { "records of the dictionary cannot be read: restore series.dict from a backup", "序列字典有记录无法读取：请由备份恢复 series.dict" } },
	[TSDB_FAULT_NAMELESS] = { { "samples of a series whose point nobody knows: restore series.dict from a backup", "存在点位未知的序列样本：请由备份恢复 series.dict" } },
	[TSDB_FAULT_SHEET] = { { "the list of names that other programs read is lost or damaged: a repair writes it anew", "供其他程序读取的名称表丢失或损坏：修复会重写" } },
	[TSDB_FAULT_ROLLUP] = { { "figures of minutes or hours cannot be read: samples are read instead, and the next merge of the day makes them again",
		"分钟或小时统计无法读取：改读样本，该日下次合并时重建" } },
	[TSDB_FAULT_ROLLUP_ALONE] = { { "figures of a day whose samples are kept no more cannot be read: restore the file from a backup",
		"样本已过保留期限的日期，其统计无法读取：请由备份恢复该文件" } },
	[TSDB_FAULT_UNNAMED] = { { "a file that nobody names: somebody still reads it, or a crash left it; it goes by itself", "未列入清单的文件：仍在被读取，或为异常中断的残留，会自动清除" } },
	[TSDB_FAULT_UNREACHABLE] = { { "it lies in the second folder, which is not there: mount its disk", "文件位于第二文件夹，而该文件夹不存在：请挂载其磁盘" } },
	[TSDB_FAULT_LOG] = { { "a segment of the log is damaged: samples that no file has yet may be lost; look at the disk", "日志段已损坏：尚未写入文件的样本可能丢失；请检查磁盘" } },
};
const char *tsdb_fault_text(enum tsdb_fault_kind k, enum lang lang) { return says[k].text[lang]; }
