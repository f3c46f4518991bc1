"""A statement sees one state of history from its first row to its last, whatever is written, merged and deleted meanwhile."""
import json
import random
import threading
import urllib.request

import pytest

import people
import tenon

LIBRARY = tenon.BUILD / "tools" / "duckdb" / "libduckdb.so"
pytestmark = pytest.mark.skipif(not LIBRARY.exists(), reason="libduckdb.so is missing: tools/setup sql")
BASE = "/api/v1"
T0 = 1772323200
N = 150000


@pytest.fixture
def p():
    q = tenon.Platform()
    q.token = q.sign_in()
    plant = people.plant(q, "lease")
    q.device = plant["path"].rsplit("/", 1)[0]
    for code in "A", "B":
        q.make("points", group=plant["group"], code=code, name=code, address=code, type="f64")
    yield q
    assert q.close() == 0, "".join(q.errors[-20:])


def write(p, rows):
    """rows of (code, second, value)"""
    for at in range(0, len(rows), 30000):
        body = "\n".join(f"{p.device} {code}={v!r} {(T0 + s) * 10**9}" for code, s, v in rows[at:at + 30000])
        status, _, problem = p.call("POST", f"{BASE}/write", body, headers={"Content-Type": "text/plain"})
        assert status == 204, problem


def job(p, path, body=None):
    status, _, got = p.call("POST", path, body)
    assert status == 202, got
    tenon.wait_for(lambda: p.call("GET", f"{BASE}/jobs/{got['id']}")[2]["state"] not in ("queued", "running"), 60, "the job ends")
    got = p.call("GET", f"{BASE}/jobs/{got['id']}")[2]
    assert got["state"] == "done", got


def stats(p):
    return p.call("GET", f"{BASE}/history/stats")[2]


def test_rows_on_their_way_stay_those_of_the_beginning(p):
    """150,000 rows are read slowly; before the second half of them everything is overwritten, more comes, and all files are merged into others."""
    values = [random.Random(i).random() for i in range(N)]
    write(p, [("A", i, v) for i, v in enumerate(values)])
    assert stats(p)["replaced_files"] == 0
    sql = f"SELECT epoch(time), value FROM ts('{p.device}/A', '2026-03-01T00:00:00Z', '2026-03-10T00:00:00Z')"
    request = urllib.request.Request(f"{p.url}{BASE}/sql", json.dumps({"sql": sql, "limit": 10**6, "timeout": "200s"}).encode(), method="POST", headers={
        "Authorization": f"Bearer {p.token}", "Content-Type": "application/json", "Accept": "application/x-ndjson"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        read = [json.loads(answer.readline()) for _ in range(10)]
        write(p, [("A", i, -1.0) for i in range(0, N, 2)] + [("A", N + i, -2.0) for i in range(1000)])
        job(p, f"{BASE}/history/compact")
        held = stats(p)["replaced_files"]
        assert held > 0                                 # they lie there because the statement holds them
        read += [json.loads(line) for line in answer]
    assert [(r["epoch(time)"] if "epoch(time)" in r else list(r.values())[0], r["value"]) for r in read] == [(T0 + i, v) for i, v in enumerate(values)]
    tenon.wait_for(lambda: stats(p)["replaced_files"] == 0, 20, "what was held is let go")
    got = p.call("POST", f"{BASE}/sql", {"sql": f"SELECT count(*), min(value) FROM ts('{p.device}/A', '2026-03-01T00:00:00Z', '2026-03-10T00:00:00Z')"})[2]["rows"]
    assert got == [[N + 1000, -2.0]]


def test_two_readings_of_one_statement_are_equal_while_samples_are_overwritten(p):
    """The sum of what is read twice: without a lease the two differ as soon as anything is written in between."""
    n, stop = 40000, threading.Event()
    write(p, [("B", i, 0.0) for i in range(n)])
    rng, token = random.Random(1), p.token

    def overwrite():
        while not stop.is_set():
            body = "\n".join(f"{p.device} B={rng.random()!r} {(T0 + rng.randrange(n)) * 10**9}" for _ in range(2000))
            assert p.call("POST", f"{BASE}/write", body, token, headers={"Content-Type": "text/plain"})[0] == 204

    writer = threading.Thread(target=overwrite)
    writer.start()
    sums = set()
    try:
        ts = f"ts('{p.device}/B', '2026-03-01T00:00:00Z', '2026-03-10T00:00:00Z')"
        for _ in range(8):
            status, _, got = p.call("POST", f"{BASE}/sql", {"sql": f"SELECT (SELECT sum(value) FROM {ts}), (SELECT sum(value + 0) FROM {ts}), (SELECT count(*) FROM {ts})"})
            assert status == 200, got
            (one, two, count), = got["rows"]
            assert one == two and count == n
            sums.add(one)
    finally:
        stop.set()
        writer.join()
    assert len(sums) > 1                                # each statement saw another state
