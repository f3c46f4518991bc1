/* commands.c - the verbs, a row each. */
#include "cli/ops.h"
#include "cli/parts.h"
#include "cli/verbs.h"

const struct command commands[] = {
	{ "serve", "[OPTIONS]", "Run the platform", "运行平台", &serve_option_type, run_serve, NULL },
	{ "sim", "[OPTIONS]", "Run a simulated pump station that speaks Modbus TCP", "运行仿真泵站（Modbus TCP）", &sim_option_type, run_sim, NULL },
	{ "query", "POINT … [OPTIONS]", "Read history", "查询历史数据", &query_option_type, run_query, NULL },
	{ "values", "[PATH] [OPTIONS]", "Last values, with quality and since when it is so", "查看最新值及质量码", &values_option_type, run_values, NULL },
	{ "status", "[OPTIONS]", "How the platform does", "查看平台状态", &status_option_type, run_status, NULL },
	{ "job", "list|get|wait|cancel|delete|file [ID] [OPTIONS]", "Long work: how far it is, what came of it", "后台任务：进度与结果", &job_option_type,
		run_job, NULL },
	{ "live", "POINT|PATH/ … [OPTIONS]", "Values as they come", "持续显示实时值", &live_option_type, run_live, NULL },
	{ "links", "[ID] [OPTIONS]", "How connections, devices and scan groups do", "通道、采集设备和采集组的状态", &links_option_type, run_links, NULL },
	{ "write", "[FILE|-] [OPTIONS]", "Send samples in line protocol", "以行协议写入数据", &write_option_type, run_write, NULL },
	{ "command", "POINT VALUE [--yes] [--reason TEXT]", "Write a value to a point", "指令下发", &command_option_type, run_command, NULL },
	{ "link", "test|peek|scan|plan|frames|dial-ins [CONNECTION] [OPTIONS]",
		"Try a connection, read raw registers, look for devices, show requests, frames and callers",
		"测试连接、试读、总线扫描、查看请求计划、报文和拨入的设备", &link_option_type, run_link, NULL },
	{ "token", "create NAME --data DIR [--role ROLE]", "Make an API token on this computer", "在本机建立接口令牌", &token_option_type, run_token, NULL },
	{ "user", "link NAME --data DIR | unlock|sessions|sign-out NAME", "A link for who lost the password; locked names; where somebody is signed in",
		"丢失密码者的一次性链接；解除锁定；登录会话", &user_option_type, run_user, NULL, user_verbs },
	{ "approval", "list | get|approve|refuse|withdraw ID", "What waits for a second person", "双人复核", &approval_option_type, run_approval, NULL },
	{ "audit", "verify [--data DIR]", "Check the chain of the audit log", "校验审计日志", &data_option_type, run_audit, NULL },
	{ "store", "move --data DIR --to postgresql://HOST/DATABASE|files", "Move the records to PostgreSQL, or back into files",
		"将记录迁移到 PostgreSQL，或迁回文件", &store_option_type, run_store, NULL },
	{ "backup", "FILE|FOLDER [--data DIR] [--passphrase-file FILE]", "Save a data folder as one file, also while the platform runs",
		"把数据文件夹备份为一个文件（平台运行时亦可）", &backup_option_type, run_backup, NULL },
	{ "restore", "FILE --data DIR [--passphrase-file FILE]", "Make a data folder from a backup", "由备份恢复数据文件夹", &backup_option_type, run_restore, NULL },
	{ "config", "check|show|example|manual [--config FILE]", "The configuration: is it right, what is in force", "配置：是否正确、当前生效的值", &config_option_type,
		run_config, NULL },
	{ "routes", "", "List every door of the interface, with its permission", "列出全部接口及其权限", NULL, run_routes, NULL },
	{ "openapi", "", "Print the OpenAPI description", "输出 OpenAPI 描述", NULL, run_openapi, NULL },
	{ "types", "", "Print the TypeScript types of all records", "输出全部记录的 TypeScript 类型", NULL, run_types, NULL },
	{ "import", "list | undo ID [--dry-run]", "What was imported from files, and taking it back", "查看和撤销从文件导入的记录",
		&import_option_type, run_imports, NULL },
	{ 0 },
};
