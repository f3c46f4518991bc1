/*
 * witness.h - the end of each audit chain goes to where samples go, once an hour and at each stop.
 *
 * Whoever can write the database could cut the newest entries off and put an older sealed head beside it. The marks lie in the log and
 * then in the files of samples, as texts of a series that no point has: they are read by nobody but the verification, and found with
 * any Parquet reader (docs in README.md).
 *
 * Thread: workers.
 */
#pragma once

#include "service/service.h"

/* A mark of every chain that has grown since its last mark; durable when it returns. */
int witness_write(struct platform *p);
/* guard_audit_verify() with the marks of the chain (tenant 0: the system's). Without samples (p->tsdb NULL): without marks. */
int witness_verify(struct platform *p, uint32_t tenant, struct audit_report *ret);
