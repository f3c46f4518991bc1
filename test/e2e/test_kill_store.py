"""Peer: the operating system's kill(2). The platform is killed (-9) at random instants while line protocol, remote-write and batches come in, memory
of 1 MB becomes files without end, files are merged on demand, samples are deleted and others ask; what was on its way is sent again, as senders do. After each restart
all that was acknowledged is there, exactly once, with its value; at the end everything, merged into days, once more. TENON_KILLS says how often."""
import http.client
import os
import random
import shutil
import signal
import tempfile
import threading
import time

import batches
import remote_write
import tenon

KILLS = int(os.environ.get("TENON_KILLS", "3"))
T0 = 1_600_000_000
ROWS = 100
TOGETHER = 6            # so many requests come in reverse: late by minutes


def whole(n):
    return n * 7919 % 1_000_003


def decimal(n):
    return (n * 2654435761 % (1 << 30)) / 1024


VALUES = {"i": whole, "d": decimal, "b": lambda n: n % 3 == 0, "s": lambda n: f"s{n % 97}", "f": lambda n: n * 0.1, "g": lambda n: n % 50 / 4}


class Sender(threading.Thread):
    """One connection. What was not answered is sent again by the next life's."""
    fields, kind = "", None

    def __init__(self, url, token, name, past):
        super().__init__()
        self.host, self.token, self.name, self.past, self.failed, self.answers = url.split("//")[1], token, name, past, None, 0

    def rows(self, request):
        group, place = divmod(request, TOGETHER)
        first = (group * TOGETHER + TOGETHER - 1 - place) * ROWS
        return range(first, first + ROWS)

    def run(self):
        conn = http.client.HTTPConnection(self.host, timeout=30)
        path, head, done = self.path, {"Authorization": f"Bearer {self.token}", **self.head}, self.past.setdefault(self.name, [0])
        while True:
            request = done[0]
            try:
                conn.request("POST", path, self.body(self.rows(request)), head)
                answer = conn.getresponse()
                text = answer.read()
            except (OSError, http.client.HTTPException):
                return
            if answer.status == 204:
                done[0] = request + 1
                self.answers += 1
            elif answer.status in (429, 503):
                time.sleep(0.02)
            else:
                self.failed = f"{answer.status} {text[:300]}"
                return


class Lines(Sender):
    fields, path, head = "idbs", "/api/v1/write", {"Content-Type": "text/plain"}

    def body(self, rows):
        return "\n".join(f'{self.name} i={whole(n)}i,d={decimal(n)!r},b={"t" if n % 3 == 0 else "f"},s="s{n % 97}" {T0 + n}000000000' for n in rows)


class Batches(Sender):
    fields, path, head = "fg", "/api/v1/write", batches.TYPE

    def body(self, rows):
        times = [(T0 + n) * 10**9 for n in rows]
        return batches.names([f"{self.name}/f", f"{self.name}/g"]) + batches.tall(batches.F64, [0] * ROWS, times, [n * 0.1 for n in rows]) + \
            batches.group([batches.F64], [1], times, [[n % 50 / 4 for n in rows]])


class Remote(Sender):
    fields, path = "dg", "/api/v1/prometheus/write"
    head = {"Content-Type": remote_write.TYPES[1], "Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0"}

    def body(self, rows):
        series = [({"__name__": f, "job": self.name}, [((T0 + n) * 1000, float(VALUES[f](n))) for n in rows]) for f in self.fields]
        return remote_write.pack(remote_write.request1(*series))


SENDERS = {"lines0": Lines, "gone": Lines, "batch": Batches, "remote": Remote}


def points(p, past):
    """path → (sender, field)."""
    found = {f"{name}/{f}": (name, f) for name, kind in SENDERS.items() if kind is not Remote for f in kind.fields}
    found.update({f"prometheus,job=remote/{f}": ("remote", f) for f in Remote.fields})
    return found


def is_deleted(past, n):
    return n < past["deleted"] and n % 200 < 100


def delete(p, past):
    """The first half of the next 200 rows of gone/d, once they are all there. What was under way at a kill is asked for again."""
    first = past["deleted"]
    if past["gone"][0] // TOGETHER * TOGETHER * ROWS < first + 200:
        time.sleep(0.01)
        return
    status, _, body = p.call("POST", "/api/v1/history/delete", {"points": ["gone/d"], "from": stamp(first), "to": stamp(first + 100), "reason": "a test"})
    assert status in (200, 201, 429, 503), (status, body)
    if status < 300:
        past["deleted"] = first + 200


class Other(threading.Thread):
    """Does something over and over until the platform is gone."""

    def __init__(self, p, deed):
        super().__init__()
        self.p, self.deed, self.times, self.under_way, self.failed = p, deed, 0, False, None

    def run(self):
        while self.p.child.poll() is None:
            self.under_way = True
            try:
                self.deed(self.p)
            except (OSError, http.client.HTTPException, ValueError):
                return
            except AssertionError as e:
                self.failed = e
                return
            self.under_way = False
            self.times += 1


def stamp(n):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(T0 + n))


def merge(p):
    status, _, body = p.call("POST", "/api/v1/history/compact", b"")
    assert status in (202, 429), (status, body)
    while status == 202 and p.call("GET", f"/api/v1/jobs/{body['id']}")[2]["state"] in ("queued", "running"):
        time.sleep(0.01)


def ask(p):
    status, _, body = p.call("POST", "/api/v1/query", {"points": ["lines0/d", "gone/d", "batch/f"], "from": stamp(0), "to": stamp(100_000), "limit": 100_000})
    assert status in (200, 404), body               # 404: one of them is not there yet
    time.sleep(0.05)


def check(p, past, first=None):
    """All rows (those from `first` behind the last acknowledged one) of all points; how many samples there are."""
    total = 0
    for path, (name, field) in points(p, past).items():
        acked = past.get(name, [0])[0]
        safe = acked // TOGETHER * TOGETHER * ROWS              # whole groups; of the last one what was answered
        late = {n for r in range(acked // TOGETHER * TOGETHER, acked) for n in Sender.rows(None, r)}
        begin = 0 if first is None else max(0, safe - first)
        for at in range(begin, max(safe, 1) + ROWS * TOGETHER, 100_000):
            end = min(at + 100_000, safe + ROWS * TOGETHER)
            if at >= end:
                break
            got = tenon.wait_for(lambda: p.query([path], stamp(at), stamp(end)) or (not acked and {"": None}), 30, path).get(path)
            if got is None:
                assert not acked
                continue
            rows = [t // 1_000_000 - T0 for t in got["t"]]
            assert len(rows) == len(set(rows)), f"{path}: a sample is there twice"
            sent = set(range(at, min(end, safe))) | {n for n in late if at <= n < end}
            if path == "gone/d":
                back = [n for n in rows if is_deleted(past, n)]
                assert not back, f"{len(back)} deleted samples are back, {back[0]} first"
                sent = {n for n in sent if not is_deleted(past, n) and not past["deleted"] <= n < past["deleted"] + 100}
            gone = sent - set(rows)
            assert not gone, f"{path}: {len(gone)} acknowledged samples are gone, {min(gone)} first"
            wrong = [(n, v) for n, v in zip(rows, got["v"]) if (int(v) if field == "i" else v) != VALUES[field](n)]
            assert not wrong, f"{path}: {wrong[:3]}"
            total += len(rows)
    return total


def count(data):
    return sum(name.endswith(".parquet") and name[:-8].isdigit() for _, _, names in os.walk(f"{data}/tenants") for name in names)


def test_what_was_acknowledged_survives_kill_while_the_store_is_at_work():
    data = tempfile.mkdtemp(prefix="tenon-")
    past, rng = {"deleted": 0}, random.Random(int(os.environ.get("TENON_SEED", "11")))
    while_merging = swept = 0
    p = tenon.Platform(data, "--head", "1048576")
    token = p.token = p.sign_in()
    try:
        for kill in range(KILLS):
            senders = [kind(p.url, token, name, past) for name, kind in SENDERS.items()]
            others = [Other(p, merge), Other(p, ask), Other(p, lambda p: delete(p, past))]
            for t in [*senders, *others]:
                t.start()
            wanted = rng.randint(1, 12)
            tenon.wait_for(lambda: any(t.failed for t in senders) or all(t.answers >= wanted for t in senders), 60, "requests are acknowledged")
            time.sleep(rng.uniform(0, 0.3))         # the instant is what is random
            while_merging += others[0].under_way
            p.stop(signal.SIGKILL)
            for t in [*senders, *others]:
                t.join()
                assert not t.failed, t.failed
            there = count(data)
            p = tenon.Platform(data, "--head", "1048576")
            p.token = token
            swept += count(data) < there
            check(p, past, 5000)
            if kill % 50 == 49:
                print(f"{kill + 1} kills, {while_merging} while merging, files swept {swept} times", flush=True)
        check(p, past)
        job = p.call("POST", "/api/v1/history/compact", b"")[2]["id"]
        done = tenon.wait_for(lambda: (lambda j: j if j["state"] not in ("queued", "running") else None)(p.call("GET", f"/api/v1/jobs/{job}")[2]), 600, "merged")
        assert done["state"] == "done", done
        total = check(p, past)
        stats = p.call("GET", "/api/v1/history/stats")[2]
        # On the medium, too, each once; what is deleted may be in files for a day.
        assert total <= stats["samples"] <= total + past["deleted"] // 2 + 100, (stats, total, past["deleted"])
        print(f"{KILLS} kills, {while_merging} while merging, files swept {swept} times; {total} samples, {past['deleted'] // 2} deleted, "
              f"{stats['files']} files")
        assert p.stop() == 0
        p = tenon.Platform(data)
        p.token = token
        assert check(p, past) == total
    finally:
        p.stop()
        shutil.rmtree(data, ignore_errors=True)
