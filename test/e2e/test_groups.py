"""Many points as one series a group (peer: pandas); as many samples as are wanted that keep the shape (peer: tsdownsample); queries that would cost too
much, and too many of them at once."""
import csv
import io
import random
import subprocess
import threading
import time

import pytest

import batches
import people
import tenon
from test_aggregates import T0, ask, iso, near, write

np = pytest.importorskip("numpy", reason="numpy is not installed")
pd = pytest.importorskip("pandas", reason="pandas is not installed")

BASE = "/api/v1"


@pytest.fixture(scope="module")
def p(platform):
    platform.token = platform.sign_in()
    plant = people.plant(platform, "grp")
    platform.path, platform.group = plant["path"].rsplit("/", 1)[0], plant["group"]
    return platform


@pytest.fixture(scope="module")
def halls(p):
    """A site with two lines, two presses each; of every press its power, of one the temperature, too. {path: (times, values)}"""
    site = p.make("places", code="S", level="site")["id"]
    connection = p.call("GET", f"{BASE}/connections?code=net")[2]["items"][0]["id"]
    rng, written = np.random.default_rng(3), {}
    for line in "L1", "L2":
        place = p.make("places", code=line, level="line", parent=site)["id"]
        for press in "P1", "P2":
            device = p.make("devices", code=press, connection=connection, place=place)["id"]
            group = p.make("groups", code="g", device=device)["id"]
            for code, unit in ("POWER", "kW"), *([("TEMP", "℃")] if line + press == "L1P1" else []):
                path = p.make("points", group=group, code=code, name=code, address=code, type="f64", unit=unit)["path"]
                times = np.sort(rng.choice(np.arange(T0 * 1000, (T0 + 3600) * 1000), 900, replace=False))
                values = rng.integers(0, 10000, 900) / 100
                if path == "S/L2/P2/POWER":             # off for the first half
                    times, values = times[times > (T0 + 1800) * 1000], values[times > (T0 + 1800) * 1000]
                lines = [f"{path.rsplit('/', 1)[0]} {code}={v!r} {t * 10**6}" for t, v in zip(times.tolist(), values.tolist())]
                assert p.call("POST", f"{BASE}/write", "\n".join(lines), headers={"Content-Type": "text/plain"})[0] == 204
                written[path] = (times, values)
    return written


def grouped(p, halls, **more):
    status, _, body = p.call("POST", f"{BASE}/query", {"points": list(halls), "from": iso(T0), "to": iso(T0 + 3600), "step": "10m", **more})
    assert status == 200, body
    return {s["path"]: s for s in body["series"]}


def frame(halls):
    """Of each point and ten minutes: mean, max and how many."""
    rows = [(path, int(t) // 1000 - T0, v) for path, (times, values) in halls.items() for t, v in zip(times, values)]
    f = pd.DataFrame(rows, columns=["path", "s", "v"])
    return f.groupby([f.path, f.s // 600])["v"].agg(["mean", "max", "count"]).reset_index()


@pytest.mark.parametrize("by,name", [("all", lambda x: "*"), ("line", lambda x: x.rsplit("/", 2)[0]), ("place", lambda x: x.rsplit("/", 2)[0]), ("site", lambda x: "S"),
                                     ("device", lambda x: x.rsplit("/", 1)[0]), ("unit", lambda x: "℃" if x.endswith("TEMP") else "kW"), ("area", lambda x: "")])
@pytest.mark.parametrize("across", ["mean", "sum", "min", "max", "count"])
def test_points_of_a_group_are_one_series(p, halls, by, name, across):
    got, f = grouped(p, halls, aggregates=["mean", "max", "count"], group_by=by, across=across), frame(halls)
    f["group"] = f.path.map(name)
    want = f.groupby(["group", "s"])[["mean", "max", "count"]].agg(across)
    assert sorted(got) == sorted(set(f.group))
    for group, series in got.items():
        w = want.loc[group]
        assert [t // 10**6 for t in series["t"]] == [T0 + 600 * s for s in w.index]
        for figure in ("mean", "max", "count"):
            near(series[figure], w[figure].tolist())
        members = f[f.group == group]
        assert series["points"] == members.path.nunique() and series["with"] == members.groupby("s").path.nunique().tolist()
        assert series["unit"] == ("" if {"℃", "kW"} == {("℃" if x.endswith("TEMP") else "kW") for x in members.path} else "℃" if members.path.iloc[0].endswith("TEMP") else "kW")


def test_what_is_covered_is_said(p, halls):
    """The share of time in which the points had a value; a point that is off counts as not covered."""
    each = {path: ask(p, path, T0, T0 + 3600, step="10m", aggregate="coverage") for path in halls}
    got = grouped(p, halls, aggregate="avg", group_by="line")
    for line in "S/L1", "S/L2":
        of = [dict(zip(s["t"], s["v"])) for path, s in each.items() if path.startswith(line)]
        near(got[line]["covered"], [sum(s.get(t, 0) for s in of) / len(of) for t in got[line]["t"]])
    assert got["S/L2"]["covered"][0] < 0.51 and got["S/L2"]["with"][:2] == [1, 1] and got["S/L2"]["points"] == 2


def test_groups_by_the_calendar_and_filled(p, halls):
    """Shifts of an hour are steps of an hour; what nobody knows is a null where it is asked for."""
    ask_ = {"aggregate": "max", "group_by": "line", "across": "max", "from": iso(T0 - 3600), "to": iso(T0 + 7200)}
    steps, shifts = grouped(p, halls, **{**ask_, "step": "1h"}), grouped(p, halls, **{**ask_, "step": "1h", "calendar": "shift", "zone": "UTC"})
    assert steps == shifts and list(steps) == ["S/L1", "S/L2"]
    filled = grouped(p, halls, **{**ask_, "step": "1h", "fill": "null"})
    for line, series in filled.items():
        assert series["t"] == [(T0 + 3600 * i) * 10**6 for i in (-1, 0, 1)] and series["v"][0] is None and series["with"][0] == 0
        assert series["v"][1:] == steps[line]["v"]


def test_groups_as_rows_and_from_the_command_line(p, halls):
    body = {"points": list(halls), "from": iso(T0), "to": iso(T0 + 3600), "step": "30m", "aggregate": "max", "group_by": "line", "across": "max"}
    series = {s["path"]: s for s in p.call("POST", f"{BASE}/query", body)[2]["series"]}
    want = [(line, v, w) for line, s in series.items() for v, w in zip(s["v"], s["with"])]
    text = p.call("POST", f"{BASE}/query", body, headers={"Accept": "text/csv"}, raw=True)[2].decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(r["group"], float(r["value"]), int(r["with"])) for r in rows] == want and list(rows[0]) == ["time", "group", "value", "with", "covered", "quality"]
    done = subprocess.run([tenon.PROGRAM, "query", *halls, "--from", iso(T0), "--to", iso(T0 + 3600), "--step", "30m", "--aggregate", "max", "--group-by", "line", "--across", "max",
                           "--server", p.url, "--token", p.token], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert [(line.split()[1], float(line.split()[2])) for line in done.stdout.splitlines()] == [(g, v) for g, v, _ in want]


@pytest.mark.parametrize("more,pointer", [({"aggregates": ["first"]}, "/aggregates"), ({"aggregates": ["states"]}, "/aggregates"), ({"step": "1us", "aggregate": "avg"}, "/step"),
                                          ({"group_by": "hall"}, "/group_by"), ({"across": "median"}, "/across")])
def test_what_no_group_has_is_refused(p, halls, more, pointer):
    status, _, problem = p.call("POST", f"{BASE}/query", {"points": list(halls), "from": iso(T0), "to": iso(T0 + 3600), "step": "1m", "group_by": "line", **more})
    assert status in (422, 429) and problem["errors"][0]["pointer"] == pointer, problem
    status, _, problem = p.call("POST", f"{BASE}/query/export", {"points": list(halls), "from": iso(T0), "step": "1m", "group_by": "line"})
    assert status == 422 and problem["errors"][0]["pointer"] == "/group_by", problem


# Which of the samples below tsdownsample 0.1.5.1 keeps: LTTBDownsampler().downsample(x, y, n_out=N), x in seconds.
LTTB = {
    3: [0, 5, 4999],
    10: [0, 5, 997, 1250, 1994, 2507, 3283, 3988, 4985, 4999],
    37: [0, 5, 202, 325, 569, 632, 854, 997, 1005, 1164, 1294, 1461, 1571, 1723, 1994, 2001, 2276, 2401, 2440, 2702, 2714, 2991, 3005, 3250, 3302,
        3459, 3614, 3713, 3988, 4004, 4184, 4292, 4455, 4570, 4773, 4985, 4999],
    100: [0, 2, 64, 112, 155, 209, 277, 307, 367, 412, 466, 516, 569, 628, 679, 716, 769, 820, 878, 921, 997, 1021, 1091, 1132, 1199, 1227, 1284,
        1341, 1382, 1434, 1499, 1534, 1587, 1649, 1702, 1740, 1794, 1838, 1912, 1947, 1994, 2041, 2096, 2146, 2194, 2260, 2296, 2396, 2401, 2451,
        2507, 2566, 2603, 2668, 2708, 2778, 2820, 2869, 2908, 2991, 3018, 3063, 3140, 3163, 3215, 3283, 3323, 3378, 3458, 3477, 3523, 3580, 3623,
        3688, 3737, 3776, 3867, 3902, 3932, 3988, 4038, 4083, 4133, 4184, 4237, 4302, 4351, 4396, 4479, 4500, 4566, 4591, 4653, 4709, 4773, 4802,
        4857, 4902, 4985, 4999],
}


def shape(n):
    """Whole numbers everybody computes alike."""
    state, out = 12345, []
    for i in range(n):
        state = (state * 1103515245 + 12345) % 2**31
        out.append((state >> 16) % 1000 / 8 + (500 if i % 997 == 0 else 0) + (i % 300) / 4)
    return out


def test_largest_triangles_are_those_of_the_peer(p):
    values = shape(5000)
    path = write(p, "SHAPE", [(T0 + i) * 10**9 for i in range(5000)], values)
    for n, want in LTTB.items():
        got = ask(p, path, T0, T0 + 5000, pixels=n, plot="lttb")
        assert [t // 10**6 - T0 for t in got["t"]] == want and got["v"] == [values[i] for i in want]
    got = ask(p, path, T0, T0 + 20, pixels=30, plot="lttb")             # fewer than are wanted: all
    assert got["v"] == values[:20]
    words = ask(p, write(p, "WORDS", [(T0 + i) * 10**9 for i in range(100)], [f"w{i}" for i in range(100)], type="string"), T0, T0 + 100, pixels=10, plot="lttb")
    assert words["v"] == [f"w{i}" for i in range(0, 100, 10)]


def test_what_is_bad_stays_in_the_shape(p):
    p.make("points", group=p.group, code="BROKEN", name="BROKEN", address="BROKEN", type="f64")
    n, at = 3000, 1500
    body = batches.names([f"{p.path}/BROKEN"]) + batches.tall(batches.F64, [0] * n, [(T0 + i) * 10**9 for i in range(n)], shape(n), [0x80000000 if i == at else 0 for i in range(n)])
    assert batches.send(p, body)[0] == 204
    path = f"{p.path}/BROKEN"
    tenon.wait_for(lambda: ask(p, path, T0, T0 + n, aggregates=["count"])["count"] == [n], 20, "all are there")
    got = ask(p, path, T0, T0 + n, pixels=20, plot="lttb")
    assert len(got["t"]) == 21 and got["t"] == sorted(got["t"]) and [t for t, q in zip(got["t"], got["q"]) if q] == [(T0 + at) * 10**6]


@pytest.fixture
def small(tmp_path):
    """A platform that lets a query look at 20,000 samples, and runs two at once."""
    (tmp_path / "tenon.conf").write_text("[limits]\nsamples = 20000\nqueries = 2\n")
    q = tenon.Platform(None, "--config", str(tmp_path / "tenon.conf"))
    q.token = q.sign_in()
    plant = people.plant(q, "grp")
    q.path, q.group = plant["path"].rsplit("/", 1)[0], plant["group"]
    yield q
    assert q.close() == 0, "".join(q.errors[-20:])


def test_what_would_cost_too_much_is_refused_with_figures(small):
    path = write(small, "MANY", [(T0 + i) * 10**9 for i in range(30000)], [float(i % 100) for i in range(30000)])
    body = {"points": [path], "from": iso(T0), "to": iso(T0 + 30000), "aggregates": ["median"], "step": "1h"}
    for lang, words in ("en", "would look at about 30"), ("zh", "约需读取 30"):
        status, _, problem = small.call("POST", f"{BASE}/query", body, headers={"Accept-Language": lang})
        assert status == 422 and problem["code"] == "too_costly" and words in problem["detail"], problem
        assert 30000 <= int(problem["args"]["value"]) < 31100 and problem["args"]["max"] == "20000"        # the head is counted by chunks of 1,024
    status, _, got = small.call("POST", f"{BASE}/query", {**body, "to": iso(T0 + 18000)})
    assert status == 200 and len(got["series"][0]["t"]) == 5
    status, _, got = small.call("POST", f"{BASE}/query", {"points": [path], "from": iso(T0), "to": iso(T0 + 30000), "limit": 100000})
    assert status == 200 and len(got["series"][0]["t"]) == 30000             # raw samples are bounded by their limit


def test_one_persons_queries_wait_for_each_other_and_for_nobody_else(small):
    """Of two at once a person has one. Thirty of one wait in line and all are answered; beyond 32 that wait the next hears so at once; lists of last values go on."""
    path = write(small, "LOAD", [(T0 + i) * 10**9 for i in range(20000)], [random.Random(i).random() for i in range(20000)])
    body = {"points": [path], "from": iso(T0), "to": iso(T0 + 20000), "limit": 100000}
    heavy, codes, lock, answered = 60, [], threading.Lock(), threading.Event()
    token = small.sign_in(name="other")

    def one():
        while True:                                         # the crowd stands there until the other person was answered
            status, head, answer = small._call("POST", f"{BASE}/query", body, None, None, False)
            with lock:
                codes.append((status, answer.get("args", {}).get("what") if status == 429 else len(answer["series"][0]["t"]), head.get("Retry-After")))
            if answered.is_set():
                return

    crowd = [threading.Thread(target=one) for _ in range(heavy)]
    for t in crowd:
        t.start()
    try:
        for _ in range(3):
            assert small.call("GET", f"{BASE}/values?limit=1", token=token)[0] == 200
            status, _, got = small.call("POST", f"{BASE}/query", {**body, "to": iso(T0 + 10)}, token=token)
            assert status == 200 and len(got["series"][0]["t"]) == 10
    finally:
        answered.set()
        for t in crowd:
            t.join()
    assert len(codes) >= heavy
    assert all(c[:2] == (200, 20000) or (c[:2] == (429, "queries_at_once") and c[2]) for c in codes), codes
    assert sum(c[0] == 200 for c in codes) >= 33            # one runs, 32 wait
    text = small.call("GET", "/metrics", raw=True)[2].decode()
    figure = lambda name: float(next(x.split()[1] for x in text.splitlines() if x.startswith(f"tenon_{name} ")))  # noqa: E731
    assert figure("queries_waited_total") > 0 and figure("queries_refused_total") == sum(c[0] == 429 for c in codes) and figure("queries_waiting") == 0
