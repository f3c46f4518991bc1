"""Stores of samples, ours and others', each driven the same way: line protocol in over HTTP, its own language out. What they answer is compared before
a time is believed. VictoriaMetrics and InfluxDB come from Debian, QuestDB from Maven (tools/bench-peers), DuckDB from PyPI; who is absent is left out.

Data: bench/mix.c, 1,000 series of a plant's mix a second apart, ten fields a line or one.
"""
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.parse

from common import ROOT, cpu_s, tenon

SERIES, LINES = 1000, 5000
T0 = 1767225600
HOUR = (T0 + 3000, T0 + 6600)
PEERS = ROOT / os.environ.get("TENON_BUILD", "build") / "peers"


def bodies(folder, fields, rows):
    """One after the other, as they stand in a file made before any clock starts."""
    program, text = os.path.join(folder, "mix"), os.path.join(folder, f"lines-{fields}-{rows}")
    if not os.path.exists(program):
        subprocess.run([os.environ.get("CC", "cc").split()[-1], "-O2", "-D_GNU_SOURCE", ROOT / "bench/mix.c", "-lm", "-o", program], check=True)
    if not os.path.exists(text):
        with open(text, "wb") as f:
            subprocess.run([program, str(SERIES), str(rows), str(fields), str(LINES)], stdout=f, check=True)
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


NUMBERS = [i for i in range(SERIES) if KINDS[i % 20] != "state"]        # what has a mean everywhere


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

    def __init__(self, folder, rows):
        self.rows = rows
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
        assert self.stats["samples"] == SERIES * self.rows and [v["level"] for v in self.stats["levels"] if v["samples"]] == ["day"], self.stats

    def bytes(self):
        return self.stats["bytes"]

    def figures(self, i, fields):
        status, _, body = self.p.call("POST", "/api/v1/query", {"points": [self.path(i, fields)], "from": stamp(T0), "to": stamp(T0 + self.rows), "step": f"{self.rows}s",
                                                                "aggregates": ["count", "sum"]})
        assert status == 200, body
        s = body["series"][0]
        return sum(s["count"]), sum(s["sum"])

    def ask(self, body):
        return json.loads(post(self.port, "/api/v1/query", json.dumps(body), {"Content-Type": "application/json", "Authorization": f"Bearer {self.p.token}"}))

    def path(self, i, fields):
        return ",".join([names_of(i, fields)[0], *(f"{k}={v}" for k, v in tags_of(i, fields).items())]) + "/" + names_of(i, fields)[1]

    def hour(self, i, fields):
        s = self.ask({"points": [self.path(i, fields)], "from": stamp(HOUR[0]), "to": stamp(HOUR[1]), "limit": 100000})["series"][0]
        return s["v"]

    def means(self, fields):
        s = self.ask({"points": [self.path(i, fields) for i in NUMBERS], "from": stamp(T0), "to": stamp(T0 + self.rows), "step": "600s", "aggregate": "mean", "limit": 100000})
        return [v for one in s["series"] for v in one["v"]]

    def stop(self):
        self.p.close()


class VictoriaMetrics:
    @staticmethod
    def program():
        return shutil.which("victoria-metrics")

    def __init__(self, folder, rows):
        self.rows = rows
        self.port, self.data = free_port(), os.path.join(folder, "vm")
        self.child = subprocess.Popen([self.program(), f"-storageDataPath={self.data}", f"-httpListenAddr=127.0.0.1:{self.port}", "-retentionPeriod=100y",
                                       "-search.latencyOffset=0s"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = self.child.pid
        said = subprocess.run([self.program(), "-version"], capture_output=True, text=True, check=False)
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

    def hour(self, i, fields):
        measurement, field = names_of(i, fields)
        tags = ",".join(f'{k}="{v}"' for k, v in tags_of(i, fields).items())
        text = get(self.port, "/api/v1/export?" + urllib.parse.urlencode({"match[]": f'{measurement}_{field}{{{tags}}}', "start": HOUR[0], "end": HOUR[1] - 0.001}))
        return [v for line in text.splitlines() for v in json.loads(line)["values"]]

    def means(self, fields):
        """A window holds its end and not its beginning, so it ends a second earlier."""
        which = '{__name__=~"machine_.*",__name__!~".*_state"}' if fields > 1 else '{__name__=~"(temp|count|vib|flow)_value"}'
        text = get(self.port, "/api/v1/query_range?" + urllib.parse.urlencode({"query": f"avg_over_time({which}[10m])", "start": T0 + 599, "step": "600s",
                                                                             "end": T0 + (self.rows - 1) // 600 * 600 + 599, "nocache": 1}))
        return [float(v) for one in json.loads(text)["data"]["result"] for _, v in one["values"]]

    def stop(self):
        self.child.terminate()
        self.child.wait(60)


class InfluxDB:
    @staticmethod
    def program():
        return shutil.which("influxd")

    def __init__(self, folder, rows):
        self.rows = rows
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
        self.child = subprocess.Popen([self.program(), "-config", conf], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = self.child.pid
        said = subprocess.run([self.program(), "version"], capture_output=True, text=True, check=False)
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

    def ask(self, q):
        return json.loads(get(self.port, "/query?" + urllib.parse.urlencode({"db": "mix", "epoch": "ns", "q": q})))["results"][0].get("series", [])

    def hour(self, i, fields):
        measurement, field = names_of(i, fields)
        where = " AND ".join(f"\"{k}\"='{v}'" for k, v in tags_of(i, fields).items())
        q = f'SELECT "{field}" FROM "{measurement}" WHERE {where} AND time >= {HOUR[0]}s AND time < {HOUR[1]}s'
        return [v for one in self.ask(q) for _, v in one["values"]]

    def means(self, fields):
        from_ = '"machine"' if fields > 1 else '"temp","count","vib","flow"'
        q = f"SELECT mean(*) FROM {from_} WHERE time >= {T0}s AND time < {T0 + self.rows}s GROUP BY time(10m), * fill(none)"
        return [v for one in self.ask(q) for row in one["values"] for v in row[1:] if v is not None]

    def stop(self):
        self.child.terminate()
        self.child.wait(60)


class QuestDB:
    name = "QuestDB"

    @staticmethod
    def program():
        jar = PEERS / "questdb.jar"
        return str(jar) if jar.exists() and shutil.which("java") else None

    def __init__(self, folder, rows):
        self.rows = rows
        self.port, self.data = free_port(), os.path.join(folder, "quest")
        os.makedirs(self.data)
        env = dict(os.environ, QDB_TELEMETRY_ENABLED="false", QDB_HTTP_BIND_TO=f"127.0.0.1:{self.port}", QDB_PG_ENABLED="false", QDB_LINE_TCP_ENABLED="false",
                   QDB_HTTP_MIN_ENABLED="false", QDB_LINE_AUTO_CREATE_NEW_COLUMNS="true")
        self.child = subprocess.Popen(["java", "-p", self.program(), "-m", "io.questdb/io.questdb.ServerMain", "-d", self.data], env=env,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = self.child.pid
        tenon.wait_for(lambda: answers(self.port, "/exec?query=select%201"), 60, "QuestDB")
        self.name = "QuestDB " + re.search(r"\d+\.\d+\.\d+", str(self.ask("select build()")))[0]

    def ask(self, q):
        body = json.loads(get(self.port, "/exec?" + urllib.parse.urlencode({"query": q})))
        assert "dataset" in body, body
        return body["dataset"]

    def load(self, all_bodies):
        send(self.port, "/write", all_bodies, {})

    def settle(self):
        tenon.wait_for(lambda: all(row[2] == row[4] for row in self.ask("select * from wal_tables()")) and quiet(self.pid), 300, "applied")

    def bytes(self):
        return sum(row[0] for row in self.ask("select sum(diskSize) from table_partitions('machine')")) if self.wide else du(os.path.join(self.data, "db"))

    def where(self, i, fields):
        return " AND ".join(f"{k}='{v}'" for k, v in tags_of(i, fields).items())

    def figures(self, i, fields):
        measurement, field = names_of(i, fields)
        self.wide = fields > 1
        return tuple(self.ask(f"SELECT count({field}), sum({field}) FROM {measurement} WHERE {self.where(i, fields)}")[0])

    def hour(self, i, fields):
        measurement, field = names_of(i, fields)
        q = (f"SELECT timestamp, {field} FROM {measurement} WHERE {self.where(i, fields)} AND timestamp >= {HOUR[0] * 1000000} "
             f"AND timestamp < {HOUR[1] * 1000000}")
        return [v for _, v in self.ask(q)]

    def means(self, fields):
        asked = []
        for table in ("machine",) if fields > 1 else ("temp", "count", "vib", "flow"):
            columns = [f"avg(f{i}_{KINDS[i]})" for i in range(20) if KINDS[i] != "state"] if fields > 1 else ["avg(value)"]
            tag = "dev" if fields > 1 else "tag"
            asked += self.ask(f"SELECT timestamp, {tag}, {', '.join(columns)} FROM {table} SAMPLE BY 10m ALIGN TO CALENDAR")
        return [v for row in asked for v in row[2:] if v is not None]

    def stop(self):
        self.child.terminate()
        self.child.wait(60)


def post(port, path, body, headers):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    c.request("POST", path, body, headers)
    return c.getresponse().read().decode()


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


def others(folder):
    """The classes of those that are installed; what they left in the folder goes."""
    for peer in (VictoriaMetrics, InfluxDB, QuestDB):
        if peer.program():
            yield peer
            for name in ("vm", "influx", "quest"):
                shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
