"""Peer: the operating system's kill(2). The platform is killed (-9) at random instants while line protocol, remote-write and batches come in, memory
of 1 MB becomes files without end, files are merged on demand with their figures, days move to a second folder and sometimes back, samples are deleted, corrected, put
back, and others ask; what was on its way is sent again, as senders do. After each restart all that was acknowledged is there, exactly once, with its value, and figures are
those of the samples; at the end everything, merged into days, once more. TENON_KILLS says how often."""
import http.client
import itertools
import math
import os
import random
import shutil
import signal
import subprocess
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
CORRECTED, APART = "lines0/d", 37       # one row of it in so many is corrected, every third of these put back
EDITED = 0x00DC0000     # OPC UA StatusCode Good_Edited


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


def correct(p, past):
    """The next row, once it is there. What was under way at a kill is asked for again; so both may be there until it is answered."""
    number = past["correcting"]
    n = number * APART
    if safe_rows(past, "lines0") <= n:
        time.sleep(0.01)
        return
    status, _, body = p.call("POST", "/api/v1/corrections", {"reason": "a test", "corrections": [{"point": CORRECTED, "time": stamp(n), "value": -decimal(n) - 1}]})
    assert status in (200, 201, 429, 503), (status, body)
    if status >= 300:
        return
    before = body["items"][0]["before"]
    assert before in (decimal(n), -decimal(n) - 1), (n, before)
    past["corrected"][n] = body["items"][0]["id"]
    past["correcting"] = number + 1
    if number % 3 == 0 and before == decimal(n):            # else the one before it stands, whose answer was lost
        past["undoing"].append(n)


def put_back(p, past):
    if not past["undoing"]:
        time.sleep(0.01)
        return
    n = past["undoing"][0]
    status, _, body = p.call("POST", f"/api/v1/corrections/{past['corrected'][n]}/undo", {"reason": "a test"})
    # 409: it was undone, and the answer was lost.
    assert status in (200, 201, 409, 429, 503), (status, body)
    if status < 300 or status == 409:
        past["undoing"].pop(0)
        past["undone"].add(n)


def is_corrected(past, n):
    """True, False, None: not known."""
    if n % APART:
        return False
    if n in past["undoing"] or n // APART == past["correcting"]:
        return None
    return n in past["corrected"] and n not in past["undone"]


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


def safe_rows(past, name):
    """Whole groups of requests that were answered: nothing of them comes again."""
    return past.get(name, [0])[0] // TOGETHER * TOGETHER * ROWS


def value_is(past, path, field, n, v):
    if path == CORRECTED and (known := is_corrected(past, n)) is not False:
        right = [-decimal(n) - 1] if known else [decimal(n), -decimal(n) - 1]
        return v in right
    return (int(v) if field == "i" else v) == VALUES[field](n)


def check_figures(p, path, field, got, begin, end):
    """Ten minutes at a time, from figures where there are any: they say what the samples say."""
    step = 600
    first, last = (T0 + begin) // step * step + step, (T0 + end) // step * step
    if first >= last:
        return 0
    rows = [(t // 1_000_000, v if field == "s" else float(v)) for t, v in zip(got["t"], got["v"]) if first <= t // 1_000_000 < last]
    want = {t: [v for _, v in group] for t, group in itertools.groupby(rows, lambda r: r[0] // step * step)}
    names = ["count"] if field == "s" else ["count", "sum", "min", "max"]
    s = p.query([path], stamp(first - T0), stamp(last - T0), step="10m", aggregates=names).get(path, {"t": [], **{n: [] for n in names}})
    said = {t // 1_000_000: [float(s[n][i]) if s[n][i] is not None else None for n in names] for i, t in enumerate(s["t"]) if s["count"][i]}
    assert said.keys() == want.keys(), (path, sorted(said.keys() ^ want.keys())[:5])
    for t, values in want.items():
        assert said[t][0] == len(values), (path, t, said[t], len(values))
        if field != "s":
            total = math.fsum(values)
            assert abs(said[t][1] - total) <= 1e-12 * math.fsum(map(abs, values)) and said[t][2:] == [min(values), max(values)], (path, t, said[t], total)
    return len(want)


def check(p, past, first=None):
    """All rows (those from `first` behind the last acknowledged one) of all points; how many samples there are."""
    total = 0
    for path, (name, field) in points(p, past).items():
        acked, safe = past.get(name, [0])[0], safe_rows(past, name)             # of the last group what was answered
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
            wrong = [(n, v) for n, v in zip(rows, got["v"]) if not value_is(past, path, field, n, v)]
            assert not wrong, f"{path}: {wrong[:3]}"
            qualities = got.get("q") or [0] * len(rows)
            odd = [(n, q) for n, v, q in zip(rows, got["v"], qualities) if q != (EDITED if path == CORRECTED and v < 0 else 0)]
            assert not odd, f"{path}: qualities {odd[:3]}"
            total += len(rows)
            past["buckets"] += check_figures(p, path, field, got, at, end)
    return total


def check_corrections(p, past):
    """What was acknowledged is on record, as it stands."""
    listed, cursor = {}, ""
    while True:
        status, _, page = p.call("GET", f"/api/v1/corrections?limit=1000{cursor}")
        assert status == 200, page
        listed.update({r["id"]: r["state"] for r in page["items"]})
        if not page.get("next"):
            break
        cursor = f"&cursor={page['next']}"
    for n, one in past["corrected"].items():
        known = is_corrected(past, n)
        assert known is None or listed.get(one) == ("standing" if known else "undone"), (n, one, listed.get(one), known)


def files_in(folder, end=".parquet"):
    return sum(name.endswith(end) and name[:-len(end)].isdigit() for _, _, names in os.walk(folder) for name in names)


def configure(data, rng):
    """The speed of merging and moving is another in each life, so that a kill falls into any part of them; in one of six everything comes back."""
    age = "0s" if rng.random() < 1 / 6 else "1d"
    with open(f"{data}.conf", "w", encoding="utf-8") as f:
        f.write(f"[store]\nfolder = {data}.second\nage = {age}\n[limits]\nmerging = {int(65536 * 2 ** rng.uniform(0, 11))}\n")


def check_files(data):
    """Every file against its checksums, its footer, its side index and the manifest, the platform being gone."""
    done = subprocess.run([tenon.PROGRAM, "store", "check", "--data", data, "--folder", f"{data}.second"], capture_output=True, text=True,
                          env=dict(os.environ, TENON_LANG="en"), timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def start(data, token):
    p = tenon.Platform(data, "--head", "1048576", "--config", f"{data}.conf")
    p.token = token or p.sign_in()
    return p


def test_what_was_acknowledged_survives_kill_while_the_store_is_at_work():
    data = tempfile.mkdtemp(prefix="tenon-")
    past = {"deleted": 0, "correcting": 0, "corrected": {}, "undoing": [], "undone": set(), "buckets": 0}
    rng = random.Random(int(os.environ.get("TENON_SEED", "11")))
    while_merging = while_moving = swept = 0
    os.mkdir(f"{data}.second")
    configure(data, rng)
    p = start(data, None)
    token = p.token

    def so_far():
        return f"{while_merging} while merging, {while_moving} while moving, files swept {swept} times, {len(past['corrected'])} samples corrected, " \
            f"{len(past['undone'])} put back, {past['buckets']} sums of ten minutes compared"
    try:
        for kill in range(KILLS):
            senders = [kind(p.url, token, name, past) for name, kind in SENDERS.items()]
            others = [Other(p, merge), Other(p, ask), Other(p, lambda p: delete(p, past)), Other(p, lambda p: correct(p, past)), Other(p, lambda p: put_back(p, past))]
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
            if kill % 10 == 0:
                check_files(data)
            there = files_in(f"{data}/tenants")
            while_moving += files_in(f"{data}.second", ".part.parquet") + files_in(f"{data}/tenants", ".part.parquet") > 0
            configure(data, rng)
            p = start(data, token)
            swept += files_in(f"{data}/tenants") < there
            check(p, past, 5000)
            if kill % 50 == 49:
                print(f"{kill + 1} kills, {so_far()}", flush=True)
        check(p, past)
        job = p.call("POST", "/api/v1/history/compact", b"")[2]["id"]
        done = tenon.wait_for(lambda: (lambda j: j if j["state"] not in ("queued", "running") else None)(p.call("GET", f"/api/v1/jobs/{job}")[2]), 600, "merged")
        assert done["state"] == "done", done
        total = check(p, past)
        check_corrections(p, past)
        stats = p.call("GET", "/api/v1/history/stats")[2]
        # On the medium, too, each once; what is deleted may be in files for a day.
        assert total <= stats["samples"] <= total + past["deleted"] // 2 + 100, (stats, total, past["deleted"])
        print(f"{KILLS} kills, {so_far()}; {total} samples, {past['deleted'] // 2} deleted, {stats['files']} files")
        assert p.stop() == 0
        check_files(data)
        configure(data, random.Random(1))
        p = start(data, token)
        assert check(p, past) == total
    except BaseException:
        print(f"the platform at that moment: exit code {p.child.poll()}, last words {''.join(p.errors[-20:])!r}", flush=True)
        raise
    finally:
        p.stop()
        for end in ("", ".second"):
            shutil.rmtree(data + end, ignore_errors=True)
        os.remove(f"{data}.conf")
