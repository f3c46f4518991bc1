#!/usr/bin/env python3
"""Questions over HTTP to 10 M samples of a plant's mix in day files, 1,000 series of 10,000: one series one hour as it is; the 10-minute means of all 850
that are numbers. What is measured is the processor of the server, answers as JSON included; and the time until the answer is there. All answer
alike before a time is believed.

Peers: VictoriaMetrics, InfluxDB, QuestDB (tools/bench-peers), DuckDB of PyPI inside a process of its own, on a table in the same order.
"""
import glob
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time

from common import claim, cpu_s, done, note
from peers import HOUR, NUMBERS, T0, Tenon, bodies, others

ROWS, HOURS, MEANS = 10000, 200, 10

DUCK = """
import duckdb, json, resource, sys, time
files, hour, hours, means = json.loads(sys.argv[1])
cpu = lambda: sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
c = duckdb.connect()
c.execute("CREATE TABLE s AS SELECT series, ts, coalesce(m / pow(10, e), d, f) AS v FROM read_parquet(?) ORDER BY series, ts", [files])
def ask(q, args, n):
    began, t = cpu(), []
    for i in range(n):
        a = time.monotonic()
        rows = c.execute(q, args(i)).fetchall()
        t.append(time.monotonic() - a)
    t.sort()
    return (cpu() - began) / n * 1e6, t[n // 2] * 1e6, rows
one = ask("SELECT v FROM s WHERE series = ? AND ts >= make_timestamptz(?) AND ts < make_timestamptz(?)",
          lambda i: [1 + i * 37 % 900, hour[0] * 1000000, hour[1] * 1000000], hours)
all_ = ask("SELECT series, epoch_us(time_bucket(INTERVAL 10 MINUTE, ts)) AS b, avg(v) FROM s GROUP BY series, b", lambda i: [], means)
print(json.dumps([duckdb.__version__, one[0], one[1], all_[0], all_[1], len(all_[2])]))
"""


def measure(s, question, n):
    """(µs of the server's processor, median µs until the answer is there, the last answer)"""
    question(0)
    before, took, answer = cpu_s(s.pid), [], None
    for i in range(n):
        began = time.monotonic()
        answer = question(i)
        took.append(time.monotonic() - began)
    return (cpu_s(s.pid) - before) / n * 1e6, statistics.median(took) * 1e6, answer


def same(a, b):
    """As many, and of the same sum: the order is each system's own."""
    return len(a) == len(b) and abs(math.fsum(a) - math.fsum(b)) <= 1e-9 * math.fsum(map(abs, a))


FIGURES = {"hour": [], "means": []}            # µs of the processor, ours first


def run(system, folder, expected):
    s = system(folder, ROWS)
    try:
        s.load(bodies(folder, 10, ROWS))
        s.settle()
        name = s.name
        cpu, wall, _ = measure(s, lambda i: s.hour(NUMBERS[i * 37 % len(NUMBERS)], 10), HOURS)
        hour = s.hour(7, 10)
        assert len(hour) == HOUR[1] - HOUR[0] and same(hour, expected.setdefault("hour", hour)), (name, len(hour))
        FIGURES["hour"].append(cpu)
        note(f"{name}: one series, one hour, processor", cpu, "µs")
        note(f"{name}: until the answer is there, median", wall, "µs")
        cpu, wall, means = measure(s, lambda _: s.means(10), MEANS)
        assert len(means) == len(NUMBERS) * -(-ROWS // 600) and same(means, expected.setdefault("means", means)), (name, len(means))
        FIGURES["means"].append(cpu)
        note(f"{name}: 10-minute means of 850 series, processor", cpu / 1000, "ms")
        note(f"{name}: until the answer is there, median", wall / 1000, "ms")
        if system is Tenon:
            duck(s)
    finally:
        s.stop()


def duck(s):
    files = [f for f in glob.glob(os.path.join(s.p.data, "tenants/*/ts/**/*.parquet"), recursive=True) if os.path.basename(f)[:-8].isdigit()]
    done_ = subprocess.run([sys.executable, "-c", DUCK, json.dumps([files, HOUR, HOURS, MEANS])], capture_output=True, text=True, check=False)
    if done_.returncode:
        print("       without DuckDB:", done_.stderr.strip().splitlines()[-1])
        return
    version, hour, hour_wall, means, means_wall, rows = json.loads(done_.stdout)
    assert rows == 1000 * -(-ROWS // 600), rows
    note(f"DuckDB {version}, in its process: one series, one hour, processor", hour, "µs")
    note(f"DuckDB {version}: until the answer is there, median", hour_wall, "µs")
    note(f"DuckDB {version}: 10-minute means of 1,000 series, processor", means / 1000, "ms")
    note(f"DuckDB {version}: until the answer is there, median", means_wall / 1000, "ms")


with tempfile.TemporaryDirectory() as work:
    answers = {}
    for _ in bodies(work, 10, ROWS):
        pass
    run(Tenon, work, answers)
    for peer in others(work):
        run(peer, work, answers)
for what, name in (("hour", "one series, one hour"), ("means", "10-minute means")):
    if len(FIGURES[what]) > 1:
        claim(f"{name}: processor, of what the best server beside it takes", FIGURES[what][0] / min(FIGURES[what][1:]), "×", 1)
done()
