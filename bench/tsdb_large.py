#!/usr/bin/env python3
"""A million series: memory idle, and with 60 samples of each that are in no file yet. A store of a billion samples: how long it takes to start."""
import os
import re
import subprocess
import tempfile

from common import ROOT, claim, done

build = os.environ.get("TENON_BUILD", str(ROOT / "build"))
with tempfile.TemporaryDirectory() as work:
    program = os.path.join(work, "large")
    subprocess.run([os.environ.get("CC", "cc").split()[-1], "-O2", "-std=gnu11", "-D_GNU_SOURCE", "-I", ROOT / "src", ROOT / "bench/tsdb_large.c",
                    f"{build}/libtenon.a", "-lm", "-lzstd", "-lpthread", "-o", program], check=True)
    said = lambda *args: subprocess.run([program, *args], check=True, capture_output=True, text=True).stdout  # noqa: E731
    out = said("series")
    claim("1,000,000 series, idle", float(re.search(r"idle: (\d+)", out)[1]), "bytes a series", 300)
    claim("the same with 60 samples each in memory", float(re.search(r"each: (\d+)", out)[1]), "bytes a series", 700)
    millions = int(os.environ.get("MILLIONS", "1000"))
    out = said("start", str(millions))
    claim(f"start with {millions:,} M samples, median of ten", float(re.search(r"median ([\d.]+)", out)[1]), "ms", 1000)
done()
