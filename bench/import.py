#!/usr/bin/env python3
"""Claims, on a machine of its own: 100,000 points come in from CSV within 3 s and from a workbook within 15 s, checked, audited, undoable, durable.

Peer: openpyxl and Python's csv module reading the same files, every cell once, and nothing more.
"""
import csv
import io
import os
import time
import urllib.parse

import common
import openpyxl

ROWS = int(os.environ.get("ROWS", "100000"))
HEAD = ["code", "name", "description", "address", "type", "access", "unit", "scale", "device", "group"]


def row(i):
    return [f"TI_{i:06}", f"{i % 40 + 1}号注塑机料筒温度{i:06}", f"{i % 7 + 1}车间{i % 13 + 1}线", f"HR{2 * (i % 30000)}", "f32", "r", "℃", 0.1, f"press-{i % 10}", "fast"]


def files():
    text = io.StringIO()
    out = csv.writer(text)
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("points")
    for r in [HEAD, *map(row, range(ROWS))]:
        out.writerow(r)
        sheet.append(r)
    workbook = io.BytesIO()
    book.save(workbook)
    return text.getvalue().encode(), workbook.getvalue()


def seconds(work):
    since = time.monotonic()
    work()
    return time.monotonic() - since


def read_csv(body):
    for _ in csv.reader(io.StringIO(body.decode())):
        pass


def read_xlsx(body):
    for _ in openpyxl.load_workbook(io.BytesIO(body), read_only=True).worksheets[0].iter_rows(values_only=True):
        pass


def take(body, kind):
    p = common.tenon.Platform()
    try:
        c = p.make("connections", code="line", driver="modbus-tcp", config={"host": "127.0.0.1"}, enabled=False)
        for i in range(10):
            d = p.make("devices", code=f"press-{i}", connection=c["id"])
            p.make("groups", code="fast", device=d["id"])
        since, cpu = time.monotonic(), common.cpu_s(p.child.pid)
        status, _, job = p.call("POST", f"/api/v1/points/import?job=true&file={urllib.parse.quote('bench')}", body, headers={"Content-Type": kind})
        assert status == 202, job
        while job["state"] in ("queued", "running"):
            time.sleep(0.02)
            job = p.call("GET", f"/api/v1/jobs/{job['id']}")[2]
        took = time.monotonic() - since
        assert job["state"] == "done" and job["result"]["created"] == ROWS and job["result"]["failed"] == 0, job
        assert p.call("GET", "/api/v1/points?count=true&limit=1")[2]["count"] == ROWS
        common.note("of that CPU", common.cpu_s(p.child.pid) - cpu, "s")
        return took
    finally:
        p.stop()


as_csv, as_xlsx = files()
common.note("peer: Python's csv reads the file", seconds(lambda: read_csv(as_csv)), "s")
common.note("peer: openpyxl reads the workbook", seconds(lambda: read_xlsx(as_xlsx)), "s")
common.claim(f"{ROWS} points from CSV ({len(as_csv) >> 20} MB)", take(as_csv, "text/csv"), "s", 3)
common.claim(f"{ROWS} points from a workbook ({len(as_xlsx) >> 20} MB)", take(as_xlsx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"), "s", 15)
common.done()
