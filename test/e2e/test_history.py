"""The files of samples over the interface and from the command line. Peers: pyarrow counts what is in the files; the OpenMetrics parser of prometheus_client."""
import concurrent.futures
import json
import os
import pathlib
import subprocess

import pytest

import people
import tenon
from test_metrics import read, scrape

pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")

BASE = "/api/v1"
START = 1767225600                                                  # 2026-01-01
LEVELS = ["flushed", "window", "day"]


def run(p, *args, **env):
    return subprocess.run([tenon.PROGRAM, *args], capture_output=True, text=True, timeout=120,
                          env={**os.environ, "TENON_LANG": "en", "TENON_SERVER": p.url, "TENON_TOKEN": p.token, **env})


def stats(p):
    status, _, body = p.call("GET", f"{BASE}/history/stats")
    assert status == 200, body
    return body


def level(s, name):
    return next(x for x in s["levels"] if x["level"] == name)


def files(p):
    return sorted(pathlib.Path(p.data).glob("tenants/1/ts/*/*/*/0?????????.parquet"))


def write(p, turn, want):
    """2,000 samples of four past days to one of 30 points; every 30 turns the same times again, with other values."""
    new = {START + n * 172: n + turn / 8 for n in range(2000)}
    lines = "".join(f"oven,n={turn % 30} temp={v} {t}\n" for t, v in new.items())
    status, _, body = p.call("POST", f"{BASE}/write?precision=s", lines, headers={"Content-Type": "text/plain"})
    assert status == 204, body
    want.setdefault(f"oven,n={turn % 30}/temp", {}).update(new)


def history(p, want):
    found = p.query(list(want), "2026-01-01T00:00:00Z", "2026-01-06T00:00:00Z")
    return {name: {t // 1000000: v for t, v in zip(s["t"], s["v"])} for name, s in found.items()}


@pytest.fixture(scope="module")
def p(tmp_path_factory):
    p = tenon.Platform(str(tmp_path_factory.mktemp("history") / "data"), "--head", "1 MB")
    p.token = p.sign_in()
    yield p
    assert p.close() == 0, "".join(p.errors[-20:])


def test_files_are_merged_into_days_and_say_the_same(p):
    want = {}
    for turn in range(400):
        write(p, turn, want)
        if level(stats(p), "flushed")["files"] >= 8:                # two flushes of four days
            break
    before = stats(p)
    assert before["files"] >= 8 and before["days"] == 4 and before["files_of_day"] >= 2 and before["waiting_files"] > 0 and before["last_error"] is None
    assert [x["level"] for x in before["levels"]] == LEVELS and before["files"] == sum(x["files"] for x in before["levels"])
    assert history(p, want) == want
    done = run(p, "store", "compact", "--output", "json")
    assert done.returncode == 0, done.stderr
    after = json.loads(done.stdout)
    assert level(after, "day")["files"] == after["files"] == 4 and after["files_of_day"] == 1 and after["waiting_files"] == 0, after
    assert after["merges"] >= 4 and after["merged_bytes"] >= before["bytes"] > after["bytes"] and after["merging"] is False
    tenon.wait_for(lambda: len(files(p)) == 4, 20, "the merged files to go")
    rows = [pq.read_metadata(f).num_rows for f in files(p)]
    assert sum(rows) == level(after, "day")["samples"] == after["samples"] and sum(f.stat().st_size for f in files(p)) == after["bytes"]
    assert after["overwritten_samples"] == after["merged_samples"] - after["samples"] > 0
    assert history(p, want) == want
    job = next(j for j in p.call("GET", f"{BASE}/jobs")[2]["items"] if j["kind"] == "history.compact")
    assert job["state"] == "done" and job["result"]["files"] == 4 and job["result"]["files_before"] >= 8 and job["done"] == after["merged_samples"], job
    # Whatever comes to these days later is merged with them.
    write(p, 1, want)
    assert history(p, want) == want


def test_the_figures_are_in_the_metrics_and_on_the_terminal(p):
    s, m = stats(p), read(scrape(p)[1])
    for name in LEVELS:
        assert m[("tenon_tsdb_level_files", (("level", name),))] == level(s, name)["files"]
    for name, key in (("tsdb_merges_total", "merges"), ("tsdb_merged_bytes_total", "merged_bytes"), ("tsdb_merge_waiting_bytes", "waiting_bytes"),
                      ("tsdb_merge_failures_total", "merge_failures"), ("tsdb_bytes_per_sample", "bytes_per_sample")):
        assert m[("tenon_" + name, ())] == pytest.approx(s[key]), name
    shown = run(p, "store", "stats")
    assert shown.returncode == 0, shown.stderr
    rows = [line.split() for line in shown.stdout.splitlines()]
    assert rows[0][:3] == ["level", "files", "bytes"] and ["merges", str(s["merges"])] in rows and [r[0] for r in rows[1:4]] == LEVELS
    assert run(p, "store", "stats", "--output", "csv").stdout.startswith("level,files,bytes,samples,bytes_per_sample")
    assert run(p, "store", "stats", "more").returncode == 64


def test_only_the_platforms_own_people_see_and_merge(p):
    there = p.make("tenants", code="neighbour")
    assert p.call("POST", f"{BASE}/tenants/{there['id']}/users", {"name": "boss", "password": "ten letters"})[0] == 201
    boss, olga = people.Person(p, "boss", "ten letters"), people.person(p, "olga", "operator")
    for who in (boss, olga):
        assert who("POST", f"{BASE}/history/compact")[0] == 403
    assert boss("GET", f"{BASE}/history/stats")[0] == 403


def test_of_many_who_ask_at_once_one_merges(p):
    """Those that were taken on one behind the other: never two at the same time."""
    def ask(_):
        return p.call("POST", f"{BASE}/history/compact")
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(ask, range(24)))
    assert {a[0] for a in answers} <= {202, 429} and any(a[0] == 202 for a in answers)

    def ended(job):
        got = p.call("GET", f"{BASE}/jobs/{job}")[2]
        return got["ended"] and got
    jobs = sorted((tenon.wait_for(lambda a=a: ended(a[2]["id"]), 30) for a in answers if a[0] == 202), key=lambda j: j["created"])
    assert all(a["ended"].rstrip("Z") <= b["started"].rstrip("Z") for a, b in zip(jobs, jobs[1:])), jobs


def test_day_files_are_packed_as_the_profile_says(p, tmp_path, monkeypatch):
    assert stats(p)["profile"] == "portable"
    assert all(b"tenon.profile" not in pq.read_metadata(f).metadata for f in files(p))
    monkeypatch.setenv("TENON_STORE_PROFILE", "compact")
    small = tenon.Platform(str(tmp_path / "data"), "--head", "1 MB")
    small.token = small.sign_in()
    want = {}
    write(small, 3, want)
    done = run(small, "store", "compact")
    assert done.returncode == 0, done.stderr
    assert stats(small)["profile"] == "compact" and "compact" in run(small, "store", "stats").stdout
    assert [pq.read_metadata(f).metadata.get(b"tenon.profile") for f in files(small)] == [b"compact"] * 4
    assert history(small, want) == want
    assert small.close() == 0
