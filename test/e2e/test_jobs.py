"""Long work over the interface: progress, result, cancelling, restart; rows of any length. Peers: csv and json of Python."""
import csv
import io
import json

import pytest

import tenon

N = 30000
START = 1_700_000_000


@pytest.fixture(scope="module")
def filled(platform):
    platform.token = platform.sign_in(name="jobs")
    for at in range(0, N, 10000):
        lines = "".join(f"rows temp={i / 8},on={'true' if i % 2 else 'false'},state=\"=s{i % 3}\" {START + i}\n" for i in range(at, at + 10000))
        assert platform.call("POST", "/api/v1/write?precision=s", lines, headers={"Content-Type": "text/plain"})[0] == 204
    tenon.wait_for(lambda: len(platform.query(["rows/temp"], "2023-11-14T00:00:00Z", "2023-11-16T00:00:00Z")["rows/temp"]["t"]) == N, 30, "all samples")
    return platform


ASKED = {"points": ["rows/temp", "rows/state"], "from": "2023-11-14T00:00:00Z", "to": "2023-11-16T00:00:00Z"}


def ended(p, job):
    return tenon.wait_for(lambda: (lambda j: j if j["state"] not in ("queued", "running") else None)(p.call("GET", f"/api/v1/jobs/{job}")[2]), 60, "the end")


def check_csv(text):
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["time", "point", "value", "quality"] and len(rows) == 2 * N + 1
    assert rows[1] == ["2023-11-14T22:13:20Z", "rows/temp", "0", "0x00000000"]
    assert [float(r[2]) for r in rows[1:N + 1]] == [i / 8 for i in range(N)]
    assert rows[N + 2][1:3] == ["rows/state", "'=s1"]               # no spreadsheet runs it


def test_a_query_goes_out_as_rows_without_limit(filled):
    status, head, body = filled.call("POST", "/api/v1/query", ASKED, headers={"Accept": "text/csv"}, raw=True)
    assert status == 200 and head["Content-Type"].startswith("text/csv")
    check_csv(body.decode())
    body = filled.call("POST", "/api/v1/query", ASKED, headers={"Accept": "application/x-ndjson"}, raw=True)[2]
    rows = [json.loads(line) for line in body.decode().splitlines()]
    assert len(rows) == 2 * N and rows[0]["value"] == 0 and rows[-1]["value"] == f"=s{(N - 1) % 3}" and rows[0]["path"] == "rows/temp"
    few = filled.call("POST", "/api/v1/query", {**ASKED, "limit": 7}, headers={"Accept": "text/csv"}, raw=True)[2]
    assert len(few.decode().splitlines()) == 8


def test_aggregates_as_rows_are_those_of_the_json(filled):
    asked = {**ASKED, "points": ["rows/temp"], "step": "1m", "aggregates": ["min", "mean", "count"]}
    columns = filled.query(["rows/temp"], ASKED["from"], ASKED["to"], step="1m", aggregates=["min", "mean", "count"])["rows/temp"]
    rows = list(csv.DictReader(io.StringIO(filled.call("POST", "/api/v1/query", asked, headers={"Accept": "text/csv"}, raw=True)[2].decode())))
    assert len(rows) == len(columns["t"]) > 400
    for name in ("min", "mean", "count"):
        assert [float(r[name]) if r[name] else None for r in rows] == columns[name]


def test_an_export_is_a_job_with_a_file(filled):
    status, head, job = filled.call("POST", "/api/v1/query/export?format=csv", ASKED)
    assert status == 202 and head["Location"] == f"/api/v1/jobs/{job['id']}" and job["kind"] == "samples.export"
    job = ended(filled, job["id"])
    assert (job["state"], job["result"], job["done"], job["total"], job["unit"]) == ("done", {"rows": 2 * N}, 2, 2, "points"), job
    status, head, body = filled.call("GET", f"/api/v1/jobs/{job['id']}/file", raw=True)
    assert status == 200 and len(body) == job["file_bytes"] and "samples.csv" in head["Content-Disposition"]
    check_csv(body.decode())
    assert filled.call("GET", "/api/v1/jobs?kind=samples.export&state=done")[2]["items"][0]["id"] == job["id"]
    assert filled.call("DELETE", f"/api/v1/jobs/{job['id']}")[0] == 204
    assert filled.call("GET", f"/api/v1/jobs/{job['id']}/file")[0] == 404


def test_another_sees_and_ends_nothing_of_it(filled):
    job = filled.call("POST", "/api/v1/query/export", ASKED)[2]["id"]
    other = filled.sign_in(role="viewer", name="other")
    assert filled.call("GET", f"/api/v1/jobs/{job}", token=other)[0] == 404
    assert filled.call("POST", f"/api/v1/jobs/{job}/cancel", token=other)[0] == 404
    assert filled.call("GET", "/api/v1/jobs", token=other)[2]["items"] == []
    own = filled.call("POST", "/api/v1/query/export", ASKED, token=other)[2]["id"]
    assert [j["id"] for j in filled.call("GET", "/api/v1/jobs", token=other)[2]["items"]] == [own]
    assert filled.call("POST", "/api/v1/query/export?format=xml", ASKED)[0] == 400
    ended(filled, job)
    ended(filled, own)


def test_who_watches_the_platform_sees_a_job_and_not_what_came_of_it(filled):
    """system.read shows everybody's jobs; their files are for those who may do such a job themselves."""
    job = filled.call("POST", "/api/v1/query/export", ASKED)[2]["id"]
    assert ended(filled, job)["state"] == "done"
    watcher = filled.make("roles", name="watcher", permissions=["system.read"])
    token = filled.make("tokens", name="watcher", role=watcher["id"])["secret"]
    assert filled.call("GET", f"/api/v1/jobs/{job}", token=token)[2]["state"] == "done"
    status, _, body = filled.call("GET", f"/api/v1/jobs/{job}/file", token=token)
    assert (status, body["args"]["permission"]) == (403, "sample.read")
    watcher = filled.call("PATCH", f"/api/v1/roles/{watcher['id']}", {"permissions": ["system.read", "sample.read"]})
    assert filled.call("GET", f"/api/v1/jobs/{job}/file", token=token, raw=True)[0] == 200


def test_what_was_asked_for_before_a_restart_ends_after_it(tmp_path):
    p = tenon.Platform(str(tmp_path / "data"))
    lines = "".join(f"kept v={i} {START + i}\n" for i in range(1000))
    assert p.call("POST", "/api/v1/write?precision=s", lines, headers={"Content-Type": "text/plain"})[0] == 204
    asked = {"points": ["kept/v"], "from": ASKED["from"], "to": ASKED["to"]}
    jobs = [p.call("POST", "/api/v1/query/export", asked)[2]["id"] for _ in range(12)]
    p.child.kill()
    p.child.wait()
    token, p = p.token, tenon.Platform(str(tmp_path / "data"))
    p.token = token
    tenon.wait_for(lambda: p.query(["kept/v"], ASKED["from"], ASKED["to"])["kept/v"]["t"], 30, "samples")
    states = [ended(p, j) for j in jobs]
    assert {j["state"] for j in states} == {"done"}, states
    p.close()
