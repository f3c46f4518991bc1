"""Data labels: what kind of data a point's samples are. Points wear them; lists, values, figures and how long samples are kept go by them.

Peers: openpyxl writes and reads the workbooks, pandas works out the figures.
"""
import io
import json
import os
import subprocess

import openpyxl
import pytest

import people
import tenon
from test_aggregates import T0, iso, near

pd = pytest.importorskip("pandas", reason="pandas is not installed")

BASE = "/api/v1"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def run(p, *args, lang="en"):
    return subprocess.run([tenon.PROGRAM, *args], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "TENON_LANG": lang, "TENON_SERVER": p.url, "TENON_TOKEN": p.token})


@pytest.fixture(scope="module")
def p(platform):
    """Two halls: of each press its power (energy), of one its temperature (energy and quality), of one a counter without label."""
    p = platform
    p.token = p.sign_in()
    p.label = {code: p.make("labels", code=code, name=name)["id"] for code, name in (("energy", "能源"), ("quality", "质量"), ("core", "核心"))}
    p.hall = {code: people.plant(p, code) for code in ("A", "B")}
    p.path = {}
    for code, hall, labels in (("kW", "A", ["energy"]), ("kW", "B", ["energy"]), ("T", "A", ["energy", "quality"]), ("N", "B", [])):
        path = p.make("points", code=code, group=p.hall[hall]["group"], address=code, type="f64", labels=[p.label[x] for x in labels])["path"]
        p.path[hall + code] = path
    return p


def paths(p, asked, noun="points"):
    status, _, body = p.call("GET", f"{BASE}/{noun}?{asked}")
    assert status == 200, body
    return sorted(x["path"] for x in body["items"])


def test_points_wear_labels_and_are_found_by_them(p):
    energy = [p.path["AT"], p.path["AkW"], p.path["BkW"]]
    assert paths(p, "label=energy") == paths(p, f"labels={p.label['energy']}") == sorted(energy)
    assert paths(p, "label=quality") == [p.path["AT"]] and paths(p, "label=core") == []
    assert paths(p, "label.in=quality,core&q=press") == [p.path["AT"]]
    assert paths(p, "label.ne=energy&code=N") == paths(p, "label=&code=N") == [p.path["BN"]]
    status, _, body = p.call("GET", f"{BASE}/points?label=enrgy")
    assert (status, body["code"], body["args"]["value"]) == (422, "no_such_ref", "enrgy")
    assert p.call("GET", f"{BASE}/places?label=energy")[0] == 400
    # Last values go by the same word, from memory.
    assert paths(p, "label=energy", "values") == sorted(energy) and paths(p, f"label=energy&path={p.path['AT'].rsplit('/', 1)[0]}/", "values") == sorted(energy[:2])
    status, _, body = p.call("GET", f"{BASE}/values?label=none")
    assert (status, body["code"]) == (422, "no_such_ref")


def test_what_is_wrong_with_labels_is_named(p):
    point = p.call("GET", f"{BASE}/points?path={p.path['BN']}")[2]["items"][0]
    for labels, code, pointer in (([p.label["core"], p.label["core"]], "invalid", "/labels/1"), ([p.label["core"], point["id"]], "no_such_ref", "/labels/1"),
                                  ([p.label["core"]] * 17, "count", "/labels"), ("core", "wrong_type", "/labels")):
        status, _, body = p.call("PATCH", f"{BASE}/points/{point['id']}", {"labels": labels})
        assert (status, body["errors"][0]["code"], body["errors"][0]["pointer"]) == (422, code, pointer), body
    assert p.call("GET", f"{BASE}/points/{point['id']}")[2]["labels"] == []
    for code in ("a/b", "a,b", "a;b", ""):
        assert p.call("POST", f"{BASE}/labels", {"code": code})[0] == 422
    assert p.call("POST", f"{BASE}/labels", {"code": "energy"})[2]["code"] == "exists"
    assert p.call("POST", f"{BASE}/labels", {"code": "x", "keep_days": -1})[2]["code"] in ("out_of_range", "too_small")


def test_a_label_in_use_stays(p):
    status, _, body = p.call("DELETE", f"{BASE}/labels/{p.label['energy']}")
    assert (status, body["code"]) == (409, "in_use") and "3 point" in body["detail"], body
    spare = p.make("labels", code="spare")["id"]
    point = p.make("points", code="X", group=p.hall["A"]["group"], address="X", labels=[spare])
    assert p.call("DELETE", f"{BASE}/labels/{spare}")[0] == 409
    assert p.call("PATCH", f"{BASE}/points/{point['id']}", {"labels": None})[2]["labels"] == []
    assert p.call("DELETE", f"{BASE}/labels/{spare}")[0] == 204
    assert p.call("DELETE", f"{BASE}/points/{point['id']}")[0] == 204


def test_sheets_and_the_command_line_call_labels_by_their_codes(p, tmp_path):
    group = p.hall["A"]["group"]
    rows = "code,address,data labels\nS1,1,\"energy, quality\"\nS2,2,质量\nS3,3,\n"
    status, _, body = p.call("POST", f"{BASE}/points/import?set.group={group}", rows, headers={"Content-Type": "text/csv"})
    assert status == 422 and body["errors"][0]["line"] == 3 and body["errors"][0]["code"] == "no_such_ref", body
    status, _, body = p.call("POST", f"{BASE}/points/import?set.group={group}", rows.replace("质量", "quality；core"), headers={"Content-Type": "text/csv"})
    assert status == 200 and body["created"] == 3, body
    assert [x.rsplit("/", 1)[1] for x in paths(p, "label=quality&code.like=S*")] == ["S1", "S2"]
    # Out as a workbook, in again: nothing changes. One cell changed: that changes.
    file = tmp_path / "points.xlsx"
    assert run(p, "point", "export", str(file), "code.like=S*").returncode == 0
    book = openpyxl.load_workbook(file)
    heads = [c.value for c in book.active[1]]
    column = heads.index("Data labels")
    cells = {row[heads.index("Code")].value: row[column] for row in book.active.iter_rows(min_row=2)}
    assert {k: c.value for k, c in cells.items()} == {"S1": "energy, quality", "S2": "quality, core", "S3": None}
    body = p.call("POST", f"{BASE}/points/import", file.read_bytes(), headers={"Content-Type": XLSX})[2]
    assert body["unchanged"] == 3, body
    cells["S1"].value = "core"
    out = io.BytesIO()
    book.save(out)
    body = p.call("POST", f"{BASE}/points/import", out.getvalue(), headers={"Content-Type": XLSX})[2]
    assert (body["unchanged"], body["updated"]) == (2, 1), body
    assert p.call("POST", f"{BASE}/imports/{body['import']}/undo")[0] == 200
    assert [x.rsplit("/", 1)[1] for x in paths(p, "label=energy&code.like=S*")] == ["S1"]
    # As CSV, too.
    status, _, csv = p.call("GET", f"{BASE}/points?code.like=S*&format=csv")
    assert status == 200 and p.call("POST", f"{BASE}/points/import", csv, headers={"Content-Type": "text/csv"})[2]["unchanged"] == 3

    assert run(p, "label", "create", "code=cli", "keep_days=30").returncode == 0
    path = p.path["BN"]
    assert run(p, "point", "set", path, "labels=cli,core").returncode == 0
    got = json.loads(run(p, "point", "get", path, "--output", "json").stdout)
    assert len(got["labels"]) == 2 and got["labels"][1] == p.label["core"]
    assert path in run(p, "point", "list", "label=cli").stdout and path in run(p, "values", "--label", "cli").stdout
    assert p.path["AT"] not in run(p, "values", "--label", "cli").stdout
    none = run(p, "point", "set", path, "labels=cli,kern", lang="zh")
    assert none.returncode and "数据标签" in none.stderr and "kern" in none.stderr
    assert run(p, "point", "set", path, "labels=").returncode == 0 and paths(p, "label=cli") == []
    assert run(p, "label", "delete", "cli").returncode == 0
    for code in ("S1", "S2", "S3"):
        assert run(p, "point", "delete", code).returncode == 0


def test_a_label_is_seen_with_the_points_of_one_place_and_changed_with_those_of_all(p):
    role = p.make("roles", name="hall_engineer", title="Engineer", permissions=["point.read", "point.write", "sample.read"])["id"]
    nothing = p.make("roles", name="nothing", title="Nothing", permissions=[])["id"]
    user = p.make("users", name="ada", password="ten letters", role=nothing)["id"]
    p.make("grants", user=user, role=role, place=p.hall["A"]["place"])
    ada = people.Person(p, "ada", "ten letters")
    assert {x["code"] for x in ada("GET", f"{BASE}/labels")[2]["items"]} >= {"energy", "quality", "core"}
    assert ada("GET", f"{BASE}/labels/{p.label['core']}")[0] == 200
    assert ada("POST", f"{BASE}/labels", {"code": "mine"})[0] == 403
    assert ada("PATCH", f"{BASE}/labels/{p.label['core']}", {"keep_days": 1})[0] == 403
    assert ada("DELETE", f"{BASE}/labels/{p.label['core']}")[0] == 403
    # Whose points they are is another matter: hers alone are listed, and hers alone she may label.
    mine = [x["path"] for x in ada("GET", f"{BASE}/points?label=energy")[2]["items"]]
    assert sorted(mine) == sorted([p.path["AT"], p.path["AkW"]]) == sorted(x["path"] for x in ada("GET", f"{BASE}/values?label=energy")[2]["items"])
    for path, status in ((p.path["AkW"], 200), (p.path["BkW"], 404)):
        point = p.call("GET", f"{BASE}/points?path={path}")[2]["items"][0]
        assert ada("PATCH", f"{BASE}/points/{point['id']}", {"labels": [p.label["energy"], p.label["core"]]})[0] == status
    assert paths(p, "label=core") == [p.path["AkW"]]
    point = p.call("GET", f"{BASE}/points?path={p.path['AkW']}")[2]["items"][0]
    assert ada("PATCH", f"{BASE}/points/{point['id']}", {"labels": [p.label["energy"]]})[0] == 200


# ---- figures ----

@pytest.fixture(scope="module")
def written(p):
    """An hour of every point, each at another pace: a frame of path, s, v."""
    rows = []
    for i, path in enumerate(p.path.values()):
        device, code = path.rsplit("/", 1)
        some = [(s, ((s * 31 + i * 977) % 1000) / 8) for s in range(0, 3600, 7 + 4 * i)]        # exact in binary
        lines = "\n".join(f"{device} {code}={v} {T0 + s}" for s, v in some)
        assert p.call("POST", f"{BASE}/write?precision=s", lines, headers={"Content-Type": "text/plain"})[0] == 204
        rows += [(path, s, v) for s, v in some]
    return pd.DataFrame(rows, columns=["path", "s", "v"])


def query(p, **how):
    status, _, body = p.call("POST", f"{BASE}/query", {"from": iso(T0), "to": iso(T0 + 3600), **how})
    assert status == 200, body
    return {s["path"]: s for s in body["series"]}


@pytest.mark.parametrize("across", ["sum", "mean", "max"])
def test_a_point_counts_in_the_group_of_each_of_its_labels(p, written, across):
    got = query(p, points=list(p.path.values()), aggregates=["mean", "max", "count"], step="10m", group_by="label", across=across)
    each = written.groupby([written.path, written.s // 600])["v"].agg(["mean", "max", "count"]).reset_index()
    worn = pd.DataFrame([(p.path["AkW"], "energy"), (p.path["BkW"], "energy"), (p.path["AT"], "energy"), (p.path["AT"], "quality"), (p.path["BN"], "")],
                        columns=["path", "label"])
    want = each.merge(worn, on="path").groupby(["label", "s"])[["mean", "max", "count"]].agg(across)
    assert list(got) == ["", "energy", "quality"] and [got[x]["points"] for x in got] == [1, 3, 1]
    for label, series in got.items():
        assert [t // 10**6 - T0 for t in series["t"]] == [600 * s for s in want.loc[label].index]
        for figure in ("mean", "max", "count"):
            near(series[figure], want.loc[label][figure].tolist())
        assert series["with"] == [got[label]["points"]] * 6


def test_points_of_a_query_are_chosen_by_label(p, written):
    energy = sorted([p.path["AkW"], p.path["BkW"], p.path["AT"]])
    assert sorted(query(p, labels=["energy"])) == energy
    assert sorted(query(p, labels=["quality", p.label["energy"]], aggregate="count")) == energy
    assert list(query(p, labels=["energy"], points=[p.path["BN"], p.path["BkW"]])) == [p.path["BkW"]]
    assert query(p, labels=["core"]) == query(p, labels=["core"], aggregate="avg", step="1m", group_by="label") == {}
    total = query(p, labels=["energy"], aggregate="count", group_by="all", across="sum")["*"]["v"]
    assert total == [int(written.path.isin(energy).sum())]
    for how, code, pointer in (({"labels": ["energy", "none"]}, "no_such_ref", "/labels/1"), ({}, "required", "/points")):
        status, _, body = p.call("POST", f"{BASE}/query", {"from": iso(T0), **how})
        assert (status, body["errors"][0]["code"], body["errors"][0]["pointer"]) == (422, code, pointer), body
    shown = run(p, "query", "--label", "energy,quality", "--from", iso(T0), "--to", iso(T0 + 3600), "--aggregate", "count", "--group-by", "label", "--across", "sum", "--output", "csv")
    counts = written.groupby("path").v.count()
    assert shown.returncode == 0, shown.stderr
    assert [line.split(",")[1:3] for line in shown.stdout.splitlines()[1:]] == [["energy", str(counts[energy].sum())], ["quality", str(counts[p.path["AT"]])]]


def test_who_may_read_in_one_place_gets_its_points_alone(p, written):
    ada = people.Person(p, "ada", "ten letters, mine")
    status, _, body = ada("POST", f"{BASE}/query", {"labels": ["energy"], "from": iso(T0), "to": iso(T0 + 3600), "aggregate": "count"})
    assert status == 200 and sorted(s["path"] for s in body["series"]) == sorted([p.path["AT"], p.path["AkW"]])


# ---- how long samples are kept ----

def test_samples_are_kept_as_the_longest_of_a_points_labels_says(tmp_path):
    start, n = 1767225600, 7200                                     # 2026-01-01, over for long
    p = tenon.Platform(str(tmp_path / "data"))
    try:
        p.token = p.sign_in()
        points = {}
        for at in range(0, n, 2400):
            text = "\n".join(f"press brief={i / 8},both={i / 8},none={i / 8} {start + i}" for i in range(at, at + 2400))
            assert p.call("POST", f"{BASE}/write?precision=s", text, headers={"Content-Type": "text/plain"})[0] == 204
        for x in p.call("GET", f"{BASE}/points")[2]["items"]:
            points[x["code"]] = x["id"]
        brief, ever = (p.make("labels", code=code, **more)["id"] for code, more in (("brief", {}), ("ever", {"keep_days": 0})))

        def patch(what, **fields):
            status, _, body = p.call("PATCH", f"{BASE}/{what}", fields)
            assert status == 200, body

        def left():
            status, _, body = p.call("POST", f"{BASE}/query", {"points": list(points.values()), "from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z", "limit": 100000})
            assert status == 200, body
            return {s["path"].split("/")[1]: len(s["v"]) for s in body["series"]}

        def retention(asked=""):
            status, _, body = p.call("GET", f"{BASE}/history/retention{asked}")
            assert status == 200, body
            return body

        patch(f"points/{points['brief']}", labels=[brief])
        patch(f"points/{points['both']}", labels=[brief, ever])
        assert run(p, "store", "compact").returncode == 0
        every = {"brief": n, "both": n, "none": n}
        assert left() == every
        # What would go is told before: of the one point for which the label would be the longest.
        assert retention()["gone_samples"] == 0
        asked = retention("?label=brief&days=30")
        assert asked["gone_samples"] == n and asked["first"].startswith("2026-01-01") and left() == every
        assert retention("?label=ever&days=30")["gone_samples"] == n    # then nothing holds those of both
        assert retention(f"?label={brief}&days=36500")["gone_samples"] == retention("?label=brief")["gone_samples"] == 0
        shown = run(p, "store", "retention", "--label", "brief", "--days", "30")
        assert shown.returncode == 0 and f" {n}" in shown.stdout and "decides" in shown.stdout, shown.stdout + shown.stderr
        for how, code in (("?label=bref&days=1", "no_such_ref"), ("?days=1", "required"), ("?label=brief&days=many", "out_of_range")):
            status, _, body = p.call("GET", f"{BASE}/history/retention{how}")
            assert (status, body["code"]) == (422, code), body

        # The point's own word comes first, then the longest of its labels.
        patch(f"points/{points['brief']}", keep_days=0)
        patch(f"labels/{brief}", keep_days=30)
        assert left() == every
        said = retention()
        assert said["own"] == 1 and [(x["code"], x["keep_days"], x["points"], x["decides"]) for x in said["labels"]] == [("brief", 30, 2, 0), ("ever", 0, 1, 1)]
        patch(f"points/{points['brief']}", keep_days=None)
        assert left() == {"both": n, "none": n}
        assert [(x["code"], x["decides"]) for x in retention()["labels"]] == [("brief", 1), ("ever", 1)] and retention()["own"] == 0
        # Its figures stay, for ever as all are.
        status, _, body = p.call("POST", f"{BASE}/query", {"points": [points["brief"]], "from": "2026-01-01T00:00:00Z", "to": "2026-01-01T02:00:00Z", "step": "1h",
                                                           "aggregates": ["sum", "count"]})
        assert status == 200 and body["samples_from"] > "2026-01-02", body
        want = pd.Series([i / 8 for i in range(n)]).groupby([i // 3600 for i in range(n)]).agg(["sum", "count"])
        assert [body["series"][0][x] for x in ("sum", "count")] == [list(want["sum"]), list(want["count"])]
        # And from the disk when files are looked through (at least each hour; now), while the others keep theirs.
        assert run(p, "store", "compact").returncode == 0
        tenon.wait_for(lambda: p.call("GET", f"{BASE}/history/stats")[2]["samples"] <= 2 * n, 30, "the samples to leave the disk")
        assert left() == {"both": n, "none": n}
    finally:
        p.close()


def test_a_saved_trend_keeps_its_groups(p):
    saved = p.make("trends", name="energy of the halls", group_by="label", across="sum", labels=[p.label["energy"]])
    got = p.call("GET", f"{BASE}/trends/{saved['id']}")[2]
    assert (got["group_by"], got["across"], got["labels"], got["lines"]) == ("label", "sum", [p.label["energy"]], [])
    assert p.make("trends", name="as ever")["group_by"] == "none"
    assert p.call("POST", f"{BASE}/trends", {"name": "odd", "group_by": "planet"})[0] == 422
