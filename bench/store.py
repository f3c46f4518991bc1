#!/usr/bin/env python3
"""Claims: a record costs at most ten bare INSERTs (checks, JSON, hash and feed included); 40,000 bodies a second a core;
a page of 100 out of 1,000,000 takes at most 5 ms, wherever it stands and by whatever index.

The same on PostgreSQL, with fewer rows, is printed beside it and bound to nothing.

Peer: Python's sqlite3 module (C underneath) inserting the same rows into the same columns and indexes, prepared, in one transaction.
"""
import os
import sqlite3
import subprocess
import tempfile
import time

import common

BUILD = os.environ.get("TENON_BUILD", str(common.ROOT / "build"))
ROWS = int(os.environ.get("ROWS", "1000000"))
PG_ROWS = min(ROWS, 100000)


def peer(folder, n=50000):
    db = sqlite3.connect(f"{folder}/peer.db", isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE things (id BLOB NOT NULL PRIMARY KEY, rev INTEGER, created INTEGER, updated INTEGER, code TEXT, name TEXT, note TEXT, "
               "size INTEGER, state TEXT, at INTEGER, period INTEGER, enabled INTEGER, tags TEXT) STRICT")
    db.execute("CREATE UNIQUE INDEX things_code ON things (code)")
    db.execute("CREATE INDEX things_size ON things (size, id)")
    rows = [(int(i + (1 << 100)).to_bytes(16, "big"), 1, i, i, f"thing-{i:07}", "Vorlauftemperatur Kessel 温度", "a line of text", i % 1000, "running",
             i, 10**9, 1, "{}") for i in range(n)]
    since = time.monotonic()
    db.execute("BEGIN")
    db.executemany("INSERT INTO things VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)", rows)
    db.execute("COMMIT")
    return n / (time.monotonic() - since)


with tempfile.TemporaryDirectory() as folder:
    subprocess.run(["ninja", "-C", BUILD, "test-store-bench"], check=True, stdout=subprocess.DEVNULL)
    bare = peer(folder)
    out = subprocess.run([f"{BUILD}/test-store-bench", folder, str(ROWS)], check=True, capture_output=True, text=True).stdout
    there = subprocess.run([common.ROOT / "test" / "with-postgres", f"{BUILD}/test-store-bench", folder, str(PG_ROWS)], check=True,
                           capture_output=True, text=True, env={**os.environ, "TENON_TEST_SYNC": "1"}).stdout


def read(text):
    return {name: (float(value), unit) for name, value, unit in (line.split() for line in text.splitlines() if not line.startswith("1.."))}


figures = read(out)
for name, (value, unit) in read(there).items():
    common.note(f"PostgreSQL: {name}", value, unit)
common.note("peer: bare INSERT", bare, "rows/s")
for name, (value, unit) in figures.items():
    common.note(name, value, unit)
common.claim("a bare INSERT is faster by", bare / figures["put_in_one_transaction"][0], "times", 10)
common.claim("bodies read, checked, written", figures["json_in_check_json_out"][0], "records/s", 40000, lower_is_better=False)
for page in ("page_of_100_by_id", "page_of_100_by_index", "page_of_100_by_index_down"):
    common.claim(page, figures[page][0], "ms", 5)
common.done()
