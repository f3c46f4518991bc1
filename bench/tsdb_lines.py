#!/usr/bin/env python3
"""Line protocol over HTTP, 10 M samples of a plant's mix from 1,000 series: samples a CPU-second from the first byte until all are in day files, ten
fields a line and one; bytes a sample then; answers compared. Every request is answered after the disk has it.

Peers: VictoriaMetrics, InfluxDB and QuestDB, where they are installed (tools/bench-peers): the same bytes over the same connection. They answer before
the disk has anything.
"""
import os
import sys
import tempfile

from common import claim, cpu_s, done, note
from peers import SERIES, Tenon, bodies, others

ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 10000
SAMPLES = SERIES * ROWS
LOOKED_AT = (0, 9, 500, 999)            # analog, counter, analog, full precision: their count and sum are asked for


def run(system, fields, folder, expected):
    """(name, M samples per CPU-second, bytes a sample); `expected` of the first system is what the others must answer."""
    s = system(folder, ROWS)
    try:
        before = cpu_s(s.pid)
        s.load(bodies(folder, fields, ROWS))
        loaded = cpu_s(s.pid) - before
        s.settle()
        used = cpu_s(s.pid) - before
        for i in LOOKED_AT:
            n, total = s.figures(i, fields)
            assert n == ROWS and abs(total / expected.setdefault(i, total) - 1) < 1e-9, (s.name, i, n, total, expected[i])
        note(f"{s.name}, {fields} field(s) a line: until the last was acknowledged", SAMPLES / loaded / 1e6, "M samples/CPU-s")
        return s.name, SAMPLES / used / 1e6, s.bytes() / SAMPLES
    finally:
        s.stop()


with tempfile.TemporaryDirectory() as work:
    for fields, floor in ((10, 5), (1, 2.5)):
        sums = {}
        for _ in bodies(work, fields, ROWS):            # made before any clock starts
            pass
        _, ours, size = run(Tenon, fields, work, sums)
        claim(f"{fields} field(s) a line, all in day files", ours, "M samples/CPU-s", floor, lower_is_better=False)
        claim(f"{fields} field(s) a line, size of the day files", size, "bytes a sample", 1.05)
        for peer in others(work):
            name, speed, size = run(peer, fields, work, sums)
            note(f"peer: {name}, {fields} field(s) a line", speed, "M samples/CPU-s")
            note(f"peer: {name}, size", size, "bytes a sample")
        os.remove(os.path.join(work, f"lines-{fields}-{ROWS}"))
done()
