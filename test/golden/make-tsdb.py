#!/usr/bin/env python3
"""make-tsdb.py WRITER OUT: the folder tsdb-v1 as test/e2e/tsdb_writer.c makes it, and expected.txt: what must be found in it for ever.

Run once a released layout, never again for that layout: `cc … test/e2e/tsdb_writer.c` as test/e2e/test_tsdb_readers.py does it, then
`test/golden/make-tsdb.py ./tsdb_writer test/golden/tsdb-v1`. Lines of expected.txt: series, time in ns, type, quality, value as printed.
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

writer, out = sys.argv[1], pathlib.Path(sys.argv[2])
with tempfile.TemporaryDirectory() as work:
    said = subprocess.run([writer, work, "small", "1"], capture_output=True, text=True, check=True).stdout
    out.mkdir()
    shutil.copytree(pathlib.Path(work) / "tenants", out / "tenants")
want = {}
for line in said.splitlines():
    r = json.loads(line)
    want[(r["series"], r["t"])] = f"{r['series']} {r['t']} {r['type']} {r['q']} {'none' if r['v'] is None else '=' + r['v']}"
(out / "expected.txt").write_text("".join(want[k] + "\n" for k in sorted(want)))
