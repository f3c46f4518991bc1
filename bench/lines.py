#!/usr/bin/env python3
"""Line protocol over HTTP, 10 M samples of a plant's mix from 1,000 series: samples a CPU-second from the first byte until all are in day files, ten
fields a line and one; bytes a sample then; answers compared. Every request is answered after the disk has it.

Peers: VictoriaMetrics and InfluxDB of Debian, where they are installed (tools/bench-peers): the same bytes over the same connection. They answer before
the disk has anything.
"""
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

from common import ROOT, cpu_s, done, note, tenon

SERIES, ROWS, LINES = 1000, int(sys.argv[1]) if len(sys.argv) > 1 else 10000, 5000
T0 = 1767225600
SAMPLES = SERIES * ROWS


def bodies(folder, fields):
    """One after the other, as they stand in a file made before any clock starts."""
    program, text = os.path.join(folder, "mix"), os.path.join(folder, f"lines-{fields}")
    if not os.path.exists(program):
        subprocess.run([os.environ.get("CC", "cc").split()[-1], "-O2", "-D_GNU_SOURCE", ROOT / "bench/mix.c", "-lm", "-o", program], check=True)
    if not os.path.exists(text):
        with open(text, "wb") as f:
            subprocess.run([program, str(SERIES), str(ROWS), str(fields), str(LINES)], stdout=f, check=True)
    with open(text, "rb") as f:
        while head := f.readline():
            yield f.read(int(head[1:]))


def send(port, path, all_bodies, headers):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    for body in all_bodies:
        c.request("POST", path, body, headers)
        answer = c.getresponse()
        text = answer.read()
        assert answer.status in (200, 204), (answer.status, text)


def du(folder):
    return sum(os.path.getsize(os.path.join(d, f)) for d, _, fs in os.walk(folder) for f in fs)


def stamp(s):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(s))


LOOKED_AT = (0, 9, 500, 999)            # analog, counter, analog, full precision: their count and sum are asked for
KINDS = ["temp"] * 9 + ["count"] * 4 + ["state"] * 3 + ["vib"] * 3 + ["flow"]


def tags_of(i, fields):
    return {"site": "plant1", "line": f"l{i // 100:02}", "dev": f"d{i // 10:04}", **({"tag": f"T{i:05}"} if fields == 1 else {})}


def names_of(i, fields):
    """measurement, field"""
    return (KINDS[i % 20], "value") if fields == 1 else ("machine", f"f{i % 20}_{KINDS[i % 20]}")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Tenon:
    name = "Tenon"

    def __init__(self, folder):
        conf = os.path.join(folder, "tenon.conf")
        with open(conf, "w", encoding="utf-8") as f:
            f.write("[limits]\nmerging = 500 MB\n")
        self.p = tenon.Platform(None, "--config", conf)
        self.p.call("GET", "/api/v1/points?limit=1")            # the first call makes the token
        self.pid, self.port = self.p.child.pid, int(self.p.url.rsplit(":", 1)[1])

    def load(self, all_bodies):
        send(self.port, "/api/v1/write", all_bodies, {"Authorization": f"Bearer {self.p.token}"})

    def settle(self):
        status, _, job = self.p.call("POST", "/api/v1/history/compact")
        assert status == 202, job
        while job["state"] in ("queued", "running"):
            time.sleep(0.1)
            job = self.p.call("GET", f"/api/v1/jobs/{job['id']}")[2]
        assert job["state"] == "done", job
        self.stats = self.p.call("GET", "/api/v1/history/stats")[2]
        assert self.stats["samples"] == SAMPLES and [v["level"] for v in self.stats["levels"] if v["samples"]] == ["day"], self.stats

    def bytes(self):
        return self.stats["bytes"]

    def figures(self, i, fields):
        path = ",".join([names_of(i, fields)[0], *(f"{k}={v}" for k, v in tags_of(i, fields).items())]) + "/" + names_of(i, fields)[1]
        status, _, body = self.p.call("POST", "/api/v1/query", {"points": [path], "from": stamp(T0), "to": stamp(T0 + ROWS), "step": f"{ROWS}s",
                                                                "aggregates": ["count", "sum"]})
        assert status == 200, body
        s = body["series"][0]
        return sum(s["count"]), sum(s["sum"])

    def stop(self):
        self.p.close()


class VictoriaMetrics:
    program = "victoria-metrics"

    def __init__(self, folder):
        self.port, self.data = free_port(), os.path.join(folder, "vm")
        self.child = subprocess.Popen([self.program, f"-storageDataPath={self.data}", f"-httpListenAddr=127.0.0.1:{self.port}", "-retentionPeriod=100y",
                                       "-search.latencyOffset=0s"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = self.child.pid
        said = subprocess.run([self.program, "-version"], capture_output=True, text=True, check=False)
        self.name = "VictoriaMetrics " + (re.search(r"\d+\.\d+\.\d+", said.stdout + said.stderr) or ["of Debian"])[0]
        tenon.wait_for(lambda: answers(self.port, "/health"), 30, "VictoriaMetrics")

    def load(self, all_bodies):
        send(self.port, "/write", all_bodies, {})

    def settle(self):
        for path in ("/internal/force_flush", "/internal/force_merge"):
            assert answers(self.port, path)
        time.sleep(1)
        tenon.wait_for(lambda: quiet(self.pid), 120, "merged")

    def bytes(self):
        return du(os.path.join(self.data, "data"))

    def figures(self, i, fields):
        measurement, field = names_of(i, fields)
        tags = ",".join(f'{k}="{v}"' for k, v in tags_of(i, fields).items())
        text = get(self.port, "/api/v1/export?" + urllib.parse.urlencode({"match[]": f'{measurement}_{field}{{{tags}}}'}))
        values = [v for line in text.splitlines() for v in json.loads(line)["values"]]
        return len(values), sum(values)

    def stop(self):
        self.child.terminate()
        self.child.wait(60)


class InfluxDB:
    program = "influxd"

    def __init__(self, folder):
        self.port, self.data = free_port(), os.path.join(folder, "influx")
        conf = os.path.join(folder, "influx.conf")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(f"""reporting-disabled = true
bind-address = "127.0.0.1:{free_port()}"
[meta]
dir = "{self.data}/meta"
[data]
dir = "{self.data}/data"
wal-dir = "{self.data}/wal"
cache-snapshot-write-cold-duration = "1s"
compact-full-write-cold-duration = "1s"
query-log-enabled = false
[http]
bind-address = "127.0.0.1:{self.port}"
log-enabled = false
[monitor]
store-enabled = false
""")
        self.child = subprocess.Popen([self.program, "-config", conf], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = self.child.pid
        said = subprocess.run([self.program, "version"], capture_output=True, text=True, check=False)
        self.name = "InfluxDB " + (re.search(r"\d+\.\d+\.\d+", said.stdout + said.stderr) or ["of Debian"])[0]
        tenon.wait_for(lambda: answers(self.port, "/ping"), 30, "InfluxDB")
        send(self.port, "/query?q=CREATE+DATABASE+mix", [b""], {})

    def load(self, all_bodies):
        send(self.port, "/write?db=mix", all_bodies, {})

    def settle(self):
        time.sleep(3)
        tenon.wait_for(lambda: du(os.path.join(self.data, "wal")) < 1 << 20 and quiet(self.pid), 300, "compacted")

    def bytes(self):
        return du(os.path.join(self.data, "data"))

    def figures(self, i, fields):
        measurement, field = names_of(i, fields)
        where = " AND ".join(f"\"{k}\"='{v}'" for k, v in tags_of(i, fields).items())
        text = get(self.port, "/query?" + urllib.parse.urlencode({"db": "mix", "q": f'SELECT count("{field}"), sum("{field}") FROM "{measurement}" WHERE {where}'}))
        return tuple(json.loads(text)["results"][0]["series"][0]["values"][0][1:])

    def stop(self):
        self.child.terminate()
        self.child.wait(60)


def get(port, path):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    c.request("GET", path)
    return c.getresponse().read().decode()


def answers(port, path):
    try:
        c = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        c.request("GET", path)
        return c.getresponse().status < 300
    except OSError:
        return False


def quiet(pid):
    """It does nothing for a second."""
    before = cpu_s(pid)
    time.sleep(1)
    return cpu_s(pid) - before < 0.05


def run(system, fields, folder, expected):
    """(M samples per CPU-second, bytes a sample); `expected` of the first system is what the others must answer."""
    s = system(folder)
    try:
        before = cpu_s(s.pid)
        s.load(bodies(folder, fields))
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
        _, ours, size = run(Tenon, fields, work, sums)
        note(f"{fields} field(s) a line, all in day files (wanted: {floor})", ours, "M samples/CPU-s")
        note(f"{fields} field(s) a line, size of the day files (wanted: 1.05)", size, "bytes a sample")
        for peer in (VictoriaMetrics, InfluxDB):
            if shutil.which(peer.program):
                name, speed, size = run(peer, fields, work, sums)
                note(f"peer: {name}, {fields} field(s) a line", speed, "M samples/CPU-s")
                note(f"peer: {name}, size", size, "bytes a sample")
                shutil.rmtree(os.path.join(work, "vm"), ignore_errors=True)
                shutil.rmtree(os.path.join(work, "influx"), ignore_errors=True)
        os.remove(os.path.join(work, f"lines-{fields}"))
done()
