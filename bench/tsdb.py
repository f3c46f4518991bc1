#!/usr/bin/env python3
"""The store of samples, 10 M samples of a plant's mix: ingest per CPU-second, bytes a sample, one hour of one series, 10-minute means of all."""
import os
import re
import subprocess
import tempfile

from common import ROOT, claim, done, note

build = os.environ.get("TENON_BUILD", str(ROOT / "build"))
with tempfile.TemporaryDirectory() as work:
    program = os.path.join(work, "tsdb")
    subprocess.run([os.environ.get("CC", "cc").split()[-1], "-O2", "-std=gnu11", "-D_GNU_SOURCE", "-I", ROOT / "src", ROOT / "bench/tsdb.c",
                    f"{build}/libtenon.a", "-lm", "-lzstd", "-lpthread", "-o", program], check=True)
    for shards in ("1", "2"):
        out = subprocess.run([program, shards], check=True, capture_output=True, text=True).stdout
        figure = lambda pattern: float(re.search(pattern, out)[1])  # noqa: E731
        print(f"{shards} shard(s)")
        claim("log to head", figure(r"head: ([\d.]+) M samples per CPU"), "M samples/CPU-s", 8, lower_is_better=False)
        note("flush to Parquet", figure(r"flush: ([\d.]+) M"), "M samples/CPU-s")
        note("files as they were flushed", figure(r"([\d.]+) bytes a sample in"), "bytes a sample")
    out = subprocess.run([program, "1", "minutes"], check=True, capture_output=True, text=True).stdout
    print("flushed ten minutes at a time, merged into the day")
    note("files as they were flushed", figure(r"minutes: ([\d.]+) bytes"), "bytes a sample")
    note("merging into the day", figure(r"day: ([\d.]+) M"), "M samples/CPU-s")
    note("all of it, log to day file", figure(r"day file: ([\d.]+) M"), "M samples/CPU-s")
    note("roll-ups, beside it", figure(r"roll-ups: ([\d.]+) bytes"), "bytes a sample")
    claim("day files, portable", figure(r"([\d.]+) bytes a day's sample"), "bytes a sample", 1.05)
    claim("one series, one hour, 3,600 samples, median", figure(r"median ([\d.]+)"), "µs", 200)
    claim("10-minute means, 1,000 series × 10,000 samples, from the samples", figure(r"files, 10-minute means: .*: ([\d.]+) ms"), "ms CPU", 60)
    claim("the same from roll-ups", figure(r"roll-ups, 10-minute means: .*: ([\d.]+) ms"), "ms CPU", 6)
    note("the same without the first hour", figure(r"first hour: .*: ([\d.]+) ms"), "ms CPU")
    out = subprocess.run([program, "1", "minutes", "compact"], check=True, capture_output=True, text=True).stdout
    print("the same with profile = compact")
    note("merging into the day", figure(r"day: ([\d.]+) M"), "M samples/CPU-s")
    claim("day files, compact", figure(r"([\d.]+) bytes a day's sample"), "bytes a sample", 1.00)
    claim("one series, one hour, 3,600 samples, median, compact", figure(r"median ([\d.]+)"), "µs", 200)
    note("10-minute means of 1,000 series × 10,000 samples, compact", figure(r"files, 10-minute means: .*: ([\d.]+) ms"), "ms CPU")
done()
