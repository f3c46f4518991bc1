#!/usr/bin/env python3
"""The doors for samples that are sent, M samples per CPU-second of the whole process tree, from the first byte until all of it is durable and in
the head: line protocol, remote-write, batches; 1,000 series, values with two decimals. The bodies are made before and sent by plain sockets.

Peers, with the same bodies in the same run: VictoriaMetrics and Prometheus of Debian 12 (neither syncs before it answers).
"""
import concurrent.futures
import http.client
import os
import pathlib
import random
import re
import shutil
import subprocess
import tempfile
import time

import common
from common import claim, note, tenon

import batches as b
import remote_write as rw

SERIES, ROUNDS = 1000, int(os.environ.get("ROUNDS", "1000"))
T0 = (int(time.time()) - ROUNDS - 60) * 1000            # ms
rng = random.Random(3)
values = [[round(50 + 20 * rng.random(), 2) for _ in range(SERIES)] for _ in range(50)]


def value(series, i):
    return values[i % 50][series]


def lines(fields):
    """One line a series and time, or one for ten series of a machine; 10 times a body."""
    for i in range(0, ROUNDS, 10):
        out = []
        for r in range(i, i + 10):
            ts = f" {(T0 + r * 1000) * 10**6}"
            for s in range(0, SERIES, fields):
                out.append(f"m,unit=u{s // fields:03} " + ",".join(f"f{k}={value(s + k, r)}" for k in range(fields)) + ts)
        yield "\n".join(out).encode()


def remote():
    for i in range(0, ROUNDS, 2):
        for first in range(0, SERIES, 500):
            series = [({"__name__": "m", "instance": "bench:1", "job": "bench", "unit": f"u{s:03}"},
                       [(T0 + r * 1000, value(s, r)) for r in (i, i + 1)]) for s in range(first, first + 500)]
            yield rw.pack(rw.request1(*series))


def tall():
    head = b.names([f"m,unit=tall/f{s:03}" for s in range(SERIES)])
    for i in range(0, ROUNDS, 20):
        body = head
        for r in range(i, i + 20, 4):
            numbers = [s for s in range(SERIES) for _ in range(4)]
            times = [(T0 + (r + k) * 1000) * 10**6 for k in range(4)] * SERIES
            body += b.tall(b.F64, numbers, times, [value(s, r + k) for s in range(SERIES) for k in range(4)])
        yield body


def groups():
    """A machine's ten values share their time."""
    head = b.names([f"m,unit=group/f{s:03}" for s in range(SERIES)])
    for i in range(0, ROUNDS, 20):
        body = head
        for s in range(0, SERIES, 10):
            times = [(T0 + r * 1000) * 10**6 for r in range(i, i + 20)]
            body += b.group([b.F64] * 10, range(s, s + 10), times, [[value(s + k, r) for r in range(i, i + 20)] for k in range(10)])
        yield body


def send(url, path, head, bodies, at_once=4):
    host, port = re.match(r"http://(.*):(\d+)", url).groups()

    def some(mine):
        conn = http.client.HTTPConnection(host, int(port), timeout=60)
        for body in mine:
            while True:
                conn.request("POST", path, body, head)
                answer = conn.getresponse()
                text = answer.read()
                if answer.status in (200, 204):
                    break
                assert answer.status in (429, 503), (answer.status, text[:300])
                time.sleep(0.02)
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        list(pool.map(some, [bodies[i::at_once] for i in range(at_once)]))


def ours(name, path, kind, bodies, **head):
    conf = pathlib.Path(tempfile.mkdtemp()) / "tenon.conf"
    conf.write_text("[limits]\nrequests = 1000000\n")
    p = tenon.Platform(None, "--config", str(conf))
    try:
        p.token = p.sign_in()
        fields = {"Authorization": f"Bearer {p.token}", "Content-Type": kind, **head}
        send(p.url, path, fields, bodies[:1])                           # points are made once
        stored = lambda: p.call("GET", "/api/v1/status")[2]["history"]["ingested"]  # noqa: E731
        first = tenon.wait_for(stored, 60, "the first body")
        cpu = common.cpu_s(p.child.pid)
        send(p.url, path, fields, bodies[1:])
        want = SERIES * ROUNDS
        tenon.wait_for(lambda: stored() >= want, 120, "all samples in the head")
        return (want - first) / (common.cpu_s(p.child.pid) - cpu) / 1e6
    finally:
        p.close()
        shutil.rmtree(conf.parent)


def peer(program, *options, path, kind, bodies, **head):
    found = shutil.which(program)
    if not found:
        return None
    port = tenon.free_ports()
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "p.yml").write_text("{}")
        child = subprocess.Popen([found, *[o.format(port=port, folder=folder) for o in options]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            url, fields = f"http://127.0.0.1:{port}", {"Content-Type": kind, **head}

            def up():
                try:
                    send(url, path, fields, bodies[:1])
                    return True
                except (OSError, AssertionError):
                    return False
            tenon.wait_for(up, 60, program)
            cpu = common.cpu_s(child.pid)
            send(url, path, fields, bodies[1:], 1 if program == "prometheus" else 4)        # it refuses what is out of order
            time.sleep(2)                                               # what it still does with them
            return SERIES * ROUNDS * (len(bodies) - 1) / len(bodies) / (common.cpu_s(child.pid) - cpu) / 1e6
        finally:
            child.terminate()
            child.wait(60)


SNAPPY = {"Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0"}
VICTORIA = ("victoria-metrics", "-httpListenAddr=127.0.0.1:{port}", "-storageDataPath={folder}", "-retentionPeriod=1")
PROMETHEUS = ("prometheus", "--config.file={folder}/p.yml", "--storage.tsdb.path={folder}/tsdb", "--web.listen-address=127.0.0.1:{port}",
              "--web.enable-remote-write-receiver")


def beside(name, figure):
    if figure is not None:
        note(name, figure, "M samples/CPU-s")


if __name__ == "__main__":
    common.data_in_memory()
    unit = "M samples/CPU-s"
    ten, one, remote_bodies = list(lines(10)), list(lines(1)), list(remote())
    line_one = ours("one", "/api/v1/write", "text/plain", one)
    note("line protocol, a field a line", line_one, unit)
    beside("  VictoriaMetrics", peer(*VICTORIA, path="/write", kind="text/plain", bodies=one))
    line_ten = ours("ten", "/api/v1/write", "text/plain", ten)
    note("line protocol, ten fields a line", line_ten, unit)
    beside("  VictoriaMetrics", peer(*VICTORIA, path="/write", kind="text/plain", bodies=ten))
    note("remote-write 1.0, 500 series × 2 samples a request", ours("rw", "/api/v1/prometheus/write", rw.TYPES[1], remote_bodies, **SNAPPY), unit)
    beside("  VictoriaMetrics", peer(*VICTORIA, path="/api/v1/write", kind=rw.TYPES[1], bodies=remote_bodies, **SNAPPY))
    beside("  Prometheus", peer(*PROMETHEUS, path="/api/v1/write", kind=rw.TYPES[1], bodies=remote_bodies, **SNAPPY))
    batch_tall = ours("tall", "/api/v1/write", b.TYPE["Content-Type"], list(tall()))
    batch_group = ours("group", "/api/v1/write", b.TYPE["Content-Type"], list(groups()))
    claim("batches, TALL: beside line protocol, a field a line", batch_tall / line_one, "×", 1, lower_is_better=False)
    note("batches, TALL", batch_tall, unit)
    claim("batches, GROUP of ten: beside line protocol, ten fields a line", batch_group / line_ten, "×", 1, lower_is_better=False)
    note("batches, GROUP of ten", batch_group, unit)
    common.done()
