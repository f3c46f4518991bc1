#!/usr/bin/env python3
"""make-tsdb.py WRITER OUT [window]: a folder as test/e2e/tsdb_writer.c makes it, and expected.txt: what must be found in it for ever.
tsdb-v1 has a manifest of version 1; tsdb-v2 (window: files are merged) of version 2.

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
    said = subprocess.run([writer, work, "small", "1", *sys.argv[3:]], capture_output=True, text=True, check=True).stdout
    out.mkdir()
    shutil.copytree(pathlib.Path(work) / "tenants", out / "tenants")
want = {}
for line in said.splitlines():
    r = json.loads(line)
    want[(r["series"], r["t"])] = f"{r['series']} {r['t']} {r['type']} {r['q']} {'none' if r['v'] is None else '=' + r['v']}"
(out / "expected.txt").write_text("".join(want[k] + "\n" for k in sorted(want)))
