"""How long samples are kept, and what is left of them: figures of minutes and hours. The peer is pandas over what was written."""
import json
import os
import pathlib
import subprocess

import pytest

import tenon
from test_metrics import read, scrape

pd = pytest.importorskip("pandas", reason="pandas is not installed")

BASE = "/api/v1"
START = 1767225600                                                  # 2026-01-01, which is over for long
HOURS = 3
VALUES = [((n * 37) % 1000) / 8 for n in range(HOURS * 3600)]       # exact in binary: sums are, too
POINTS = ["press/temp", "press/long", "door/open"]


def run(p, *args, lang="en"):
    return subprocess.run([tenon.PROGRAM, *args], capture_output=True, text=True, timeout=120,
                          env={**os.environ, "TENON_LANG": lang, "TENON_SERVER": p.url, "TENON_TOKEN": p.token})


def write(p, lines):
    status, _, body = p.call("POST", f"{BASE}/write?precision=s", lines, headers={"Content-Type": "text/plain"})
    return status, body


def query(p, **how):
    status, _, body = p.call("POST", f"{BASE}/query", {"points": POINTS, "from": "2026-01-01T00:00:00Z", "to": "2026-01-01T04:00:00Z", "limit": 1000000, **how})
    assert status == 200, body
    return body, {s["path"]: s for s in body["series"]}


def retention(p, asked=""):
    status, _, body = p.call("GET", f"{BASE}/history/retention{asked}")
    assert status == 200, body
    return body


def files(p, part):
    return [f for f in pathlib.Path(p.data).glob("tenants/1/ts/*/*/*/0*.parquet") if part in f.name]


@pytest.fixture
def filled(tmp_path):
    p = tenon.Platform(str(tmp_path / "data"))
    p.token = p.sign_in()
    for at in range(0, len(VALUES), 2000):
        some = range(at, min(at + 2000, len(VALUES)))
        text = "".join(f"press temp={VALUES[n]},long={VALUES[n] + 1} {START + n}\n" for n in some)
        text += "".join(f"door open={'true' if n % 1200 else 'false'} {START + n}\n" for n in some if n % 600 == 0)
        assert write(p, text)[0] == 204
    yield p, str(tmp_path / "data")
    p.close()


def test_samples_go_when_they_are_too_old_and_their_figures_stay(filled, monkeypatch):
    p, data = filled
    raw, before = query(p)
    assert [len(before[x]["v"]) for x in POINTS] == [len(VALUES), len(VALUES), 18] and "samples_from" not in raw
    wanted = {"aggregates": ["avg", "min", "max", "sum", "count", "first", "last"], "step": "10m"}
    _, means = query(p, **wanted)
    assert run(p, "store", "compact").returncode == 0
    assert files(p, ".1m.") and files(p, ".1h.") and query(p, **wanted)[1] == means
    frame = pd.Series(VALUES, index=pd.to_datetime([START + n for n in range(len(VALUES))], unit="s")).resample("10min")
    said = means["press/temp"]
    for name, peer in (("min", frame.min()), ("max", frame.max()), ("sum", frame.sum()), ("count", frame.count()), ("first", frame.first())):
        assert said[name][:18] == list(peer), name

    # What would go is told before: nothing is kept for so short by now.
    now = retention(p)
    assert now["keep"] == {"samples": 0, "minutes": 0, "hours": 0} and now["files"] == now["gone_samples"] == 0 and now["first"] is None
    asked = retention(p, "?samples=90&minutes=730")
    assert asked["asked"] == {"samples": 90, "minutes": 730, "hours": 0} and asked["keep"] == now["keep"]
    assert asked["gone_samples"] == 2 * len(VALUES) and asked["first"].startswith("2026-01-01")       # the door's few are its hours
    assert p.call("GET", f"{BASE}/history/retention?samples=many")[0] == 422
    shown = run(p, "store", "retention", "--samples", "90", "--output", "json")
    assert shown.returncode == 0 and json.loads(shown.stdout)["gone_samples"] == 2 * len(VALUES), shown.stderr

    # One point is to stay.
    point = next(x for x in p.call("GET", f"{BASE}/points?path=press/long")[2]["items"] if x["path"] == "press/long")
    status, _, body = p.call("PATCH", f"{BASE}/points/{point['id']}", {"keep_days": 0}, headers={"If-Match": f'"{point["rev"]}"'})
    assert status == 200 and body["keep_days"] == 0, body
    p.close()
    monkeypatch.setenv("TENON_STORE_SAMPLES", "90d")
    monkeypatch.setenv("TENON_STORE_MINUTES", "730d")
    p = tenon.Platform(data)
    try:
        p.token = p.sign_in(name="again")
        raw, after = query(p)
        assert raw["samples_from"] > "2026-04-01" and "press/temp" not in after and after["press/long"]["v"] == before["press/long"]["v"]
        assert after["door/open"]["v"] == before["door/open"]["v"]
        assert query(p, **wanted)[1] == means
        tenon.wait_for(lambda: p.call("GET", f"{BASE}/history/stats")[2]["samples"] <= len(VALUES) + 100, 30, "the samples to leave the disk")
        assert query(p, **wanted)[1] == means and query(p)[1] == after
        # What figures do not say is not made up.
        _, states = query(p, aggregates=["p50", "stddev", "changes"], step="1h")
        assert states["press/temp"]["p50"][:3] == states["press/temp"]["changes"][:3] == states["press/temp"]["stddev"][:3] == [None] * 3
        assert None not in states["press/long"]["p50"][:3]
        assert retention(p)["keep"] == {"samples": 90, "minutes": 730, "hours": 0}
        m = read(scrape(p)[1])
        assert m[("tenon_tsdb_rollup_bytes", ())] > 0
        # What comes late for that time is taken while there is a point that keeps it.
        assert write(p, f"press long=1 {START}\n")[0] == 204
    finally:
        p.close()


def test_what_is_too_old_is_refused_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("TENON_STORE_SAMPLES", "90d")
    p = tenon.Platform(str(tmp_path / "data"))
    try:
        p.token = p.sign_in()
        assert write(p, "press temp=1\n")[0] == 204
        assert run(p, "store", "compact").returncode == 0           # days are counted from when files were last written
        status, body = write(p, f"press temp=1 {START}\n")
        assert status == 422 and body["args"]["field"] == "timestamp" and "older than samples are kept" in body["detail"], (status, body)
        assert write(p, "press temp=2\n")[0] == 204
    finally:
        p.close()
