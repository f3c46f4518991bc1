"""Peers: numpy, pandas and zoneinfo say what every aggregate of a query is, on random samples and on recordings of real machines."""
import csv
import io
import math
import random
import subprocess
import zoneinfo
from datetime import datetime, timedelta, timezone

import pytest

import batches
import people
import tenon

np = pytest.importorskip("numpy", reason="numpy is not installed")
pd = pytest.importorskip("pandas", reason="pandas is not installed")

BASE = "/api/v1"
T0 = 1772323200             # 2026-03-01T00:00:00Z
UTC = timezone.utc
NUMBERS = ["count", "sum", "mean", "min", "max", "stddev", "first", "last", "median", "p10", "p99.9"]


@pytest.fixture(scope="module")
def p(platform):
    platform.token = platform.sign_in()
    plant = people.plant(platform, "agg")
    platform.path, platform.group = plant["path"].rsplit("/", 1)[0], plant["group"]
    return platform


def write(p, code, times_ns, values, **point):
    """A new point with these samples; its path."""
    p.make("points", group=p.group, code=code, name=code, address=code, **{"type": "f64", **point})
    word = (lambda v: f"{v}i") if point.get("type") == "i64" else (lambda v: "true" if v else "false") if point.get("type") == "bool" else (
        lambda v: f'"{v}"') if point.get("type") == "string" else repr
    lines = [f"{p.path} {code}={word(v)} {t}" for t, v in zip(times_ns, values)]
    for at in range(0, len(lines), 20000):
        status, _, problem = p.call("POST", f"{BASE}/write", "\n".join(lines[at:at + 20000]), headers={"Content-Type": "text/plain"})
        assert status == 204, problem
    return f"{p.path}/{code}"


def iso(t):
    return datetime.fromtimestamp(t, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ask(p, path, start, end, **more):
    return p.query([path], iso(start), iso(end), **more).get(path)


def near(got, want, rel=1e-9):
    assert len(got) == len(want), (len(got), len(want))
    for g, w in zip(got, want):
        if w is None or (isinstance(w, float) and math.isnan(w)):
            assert g is None, (g, w)
        else:
            assert g is not None and math.isclose(g, w, rel_tol=rel, abs_tol=1e-9), (g, w)


def uneven(rng, n, span_s):
    return np.unique(rng.integers(T0 * 10**9, (T0 + span_s) * 10**9, n) // 1000 * 1000)


def by_bucket(times, values, step):
    return pd.Series(values, index=pd.to_datetime(times)).resample(step)


def test_figures_of_samples_are_those_of_pandas(p):
    rng = np.random.default_rng(1)
    times = uneven(rng, 5000, 7200)
    values = rng.normal(100, 30, len(times)).round(rng.integers(0, 9))
    values[rng.integers(0, len(values), 50)] = -0.0
    got = ask(p, write(p, "RND", times, values.tolist()), T0, T0 + 7200, step="1m", aggregates=NUMBERS)
    want = by_bucket(times, values, "1min")
    assert [t * 1000 for t in got["t"]] == [t.value for t in want.count().index]
    assert got["count"] == want.count().tolist()
    for word, figure in [("sum", want.sum()), ("mean", want.mean()), ("min", want.min()), ("max", want.max()), ("stddev", want.std()), ("first", want.first()),
                         ("last", want.last()), ("median", want.median())]:
        near(got[word], figure.tolist())
    for word, q in ("p10", 10), ("p99.9", 99.9):
        assert got[word] == [float(np.percentile(g, q)) for _, g in want]        # bit for bit: the same method


def test_the_time_of_the_lowest_and_of_the_highest(p):
    rng = np.random.default_rng(2)
    times = uneven(rng, 500, 3600)
    values = rng.integers(0, 50, len(times)).astype(float)
    got = ask(p, write(p, "MM", times, values.tolist()), T0, T0 + 3600, step="5m", aggregates=["min_time", "max_time"])
    want = by_bucket(times, values, "5min")
    assert [t * 1000 for t in got["min_time"]] == [g.idxmin().value for _, g in want]
    assert [t * 1000 for t in got["max_time"]] == [g.idxmax().value for _, g in want]


@pytest.mark.parametrize("between", ["step", "linear"])
def test_means_and_integrals_over_time(p, between):
    rng = np.random.default_rng(3)
    times = np.concatenate([[T0 * 10**9], uneven(rng, 300, 3600)[1:], [(T0 + 3600) * 10**9]])
    values = rng.normal(5, 2, len(times))
    path = write(p, f"TW_{between}", times, values.tolist(), between=between)
    got = ask(p, path, T0, T0 + 3600, step="10m", aggregates=["integral", "avg", "coverage"])
    # numpy on a grid that holds every sample and every border.
    seconds = (times - T0 * 10**9) / 1e9
    want = []
    for i in range(6):
        grid = np.union1d(seconds[(seconds > i * 600) & (seconds < i * 600 + 600)], [i * 600, i * 600 + 600])
        if between == "linear":
            want.append(np.trapezoid(np.interp(grid, seconds, values), grid))
        else:
            held = values[np.searchsorted(seconds, grid[:-1], side="right") - 1]
            want.append(float((held * np.diff(grid)).sum()))
    near(got["integral"], want)
    near(got["avg"], [w / 600 for w in want])
    assert got["coverage"] == [1] * 6


ZONES = ["Europe/Berlin", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe", "+05:30"]


UNITS = [("day", 0), ("day", 6), ("week", 0), ("month", 0), ("month", 6), ("quarter", 0), ("year", 0)]


def period_of(day, unit):
    return {"day": day, "week": day - timedelta(days=day.weekday()), "month": day.replace(day=1),
            "quarter": day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1), "year": day.replace(month=1, day=1)}[unit]


@pytest.mark.parametrize("zone", ZONES)
def test_calendar_periods_are_those_of_the_clock_on_the_wall(p, zone):
    if not hasattr(p, "year"):
        p.year = [T0 - 86400 * 450 + i * 3600 for i in range(24 * 400)]         # every hour, 400 days: both changes of the clock
        write(p, "YEAR", [t * 10**9 for t in p.year], [float(i) for i in range(len(p.year))])
    tz = zoneinfo.ZoneInfo(zone) if "/" in zone else timezone(timedelta(hours=5, minutes=30))
    walls = [datetime.fromtimestamp(t, tz).replace(tzinfo=None) for t in p.year]
    for unit, start_h in UNITS:
        got = ask(p, f"{p.path}/YEAR", p.year[0], p.year[-1] + 1, calendar=unit, zone=zone, day_start=f"{start_h}h", aggregates=["count", "first", "last"])
        want, late = {}, timedelta(hours=start_h)
        for i, wall in enumerate(walls):
            want.setdefault(period_of((wall - late).date(), unit), []).append(i)
        assert got["count"] == [len(v) for v in want.values()]
        assert got["first"] == [v[0] for v in want.values()] and got["last"] == [v[-1] for v in want.values()]
        begins = [datetime(k.year, k.month, k.day, start_h, tzinfo=tz).timestamp() for k in want]
        assert [t / 1e6 for t in got["t"]][1:] == begins[1:] and got["t"][0] / 1e6 == p.year[0]


def test_shifts_of_eight_hours_and_the_long_night(p):
    start, end = int(datetime(2025, 10, 25, 4, tzinfo=UTC).timestamp()), int(datetime(2025, 10, 27, 5, tzinfo=UTC).timestamp())
    path = write(p, "SHIFT", [t * 10**9 for t in range(start, end, 1800)], [1.0] * len(range(start, end, 1800)))
    got = ask(p, path, start, end, calendar="shift", step="8h", day_start="6h", zone="Europe/Berlin", aggregates=["count"])
    assert got["count"] == [16, 16, 18, 16, 16, 16]         # the clock goes back in the third: 22:00 to 06:00 are nine hours


def counter(rng, n, end):
    v, out = 0, []
    for _ in range(n):
        v += int(rng.integers(0, 40))
        if end and v >= end:
            v -= end
        elif rng.random() < 0.01:
            v = 0
        out.append(v)
    return out


@pytest.mark.parametrize("end", [0, 1000])
def test_the_increase_of_a_counter_adds_up_over_resets_and_roll_overs(p, end):
    rng = np.random.default_rng(5)
    times = np.arange(2000) * 7 * 10**9 + T0 * 10**9
    v = counter(rng, 2000, end)
    path = write(p, f"CNT{end}", times, v, type="i64")
    rise = pd.Series(v).diff().fillna(0)
    rise[rise < 0] = pd.Series(v)[rise < 0] + (end - pd.Series(v).shift()[rise < 0] if end else 0)
    want = pd.Series(rise.values, index=pd.to_datetime(times)).resample("15min").sum()
    got = ask(p, path, T0, T0 + 14000, step="15m", aggregates=["delta", "changes"], roll_over=end)
    assert got["delta"] == want.tolist()
    assert got["changes"] == (pd.Series(v, index=pd.to_datetime(times)).diff().fillna(0) != 0).resample("15min").sum().tolist()
    # Bucket by bucket or at once: the same. From the middle on, the sample before counts.
    assert ask(p, path, T0, T0 + 14000, aggregate="delta", roll_over=end)["v"] == [sum(got["delta"])]
    assert ask(p, path, T0 + 3600, T0 + 14000, aggregate="delta", roll_over=end)["v"] == [sum(got["delta"][4:])]


def test_how_long_each_state_lasted_and_how_often_it_began(p):
    rng = random.Random(6)
    times, t = [], T0
    while t < T0 + 7200:
        times.append(t)
        t += rng.randint(1, 200)
    for code, kind, values in ("STB", "bool", [rng.random() < 0.5 for _ in times]), ("STS", "string", [rng.choice(["run", "stop", "故障"]) for _ in times]):
        got = ask(p, write(p, code, [t * 10**9 for t in times], values, type=kind), T0, T0 + 7200, step="30m", aggregates=["states", "coverage"])
        for i in range(4):
            lo, hi, want = T0 + i * 1800, T0 + i * 1800 + 1800, {}
            for k, (at, v) in enumerate(zip(times, values)):
                until = times[k + 1] if k + 1 < len(times) else T0 + 7200
                if min(hi, until) > max(lo, at):
                    want.setdefault(v, [0, 0])[0] += min(hi, until) - max(lo, at)
                if lo <= at < hi and (k == 0 or values[k - 1] != v):
                    want.setdefault(v, [0, 0])[1] += 1
            assert {s["v"]: [s["s"], s["times"]] for s in got["states"][i]} == want
        assert got["coverage"] == [1 - (times[0] - T0) / 1800, 1, 1, 1]


def test_percentiles_of_very_many_are_within_a_thousandth_of_rank(p):
    rng = np.random.default_rng(7)
    values = np.sort(rng.lognormal(0, 2, 90000))
    shuffled = rng.permutation(values)
    path = write(p, "MANY", T0 * 10**9 + np.arange(len(values)) * 10**6, shuffled.tolist())
    asked = [0, 0.1, 1, 25, 50, 99, 99.9, 100]
    got = ask(p, path, T0, T0 + 3600, aggregates=[f"p{q}" for q in asked])
    for q in asked:
        rank = np.searchsorted(values, got[f"p{q}"][0]) / len(values)
        assert abs(rank - q / 100) <= 0.001, (q, rank)
    assert got["p0"][0] == values[0] and got["p100"][0] == values[-1]


def test_what_is_not_known_is_left_out_null_repeated_or_on_a_line(p):
    minutes = [0, 1, 4, 5, 9]
    path = write(p, "FILL", [(T0 + m * 60 + 5) * 10**9 for m in minutes], [10.0, 20.0, 80.0, 90.0, 10.0])
    want = pd.Series([10.0, 20.0, 80.0, 90.0, 10.0], index=minutes).reindex(range(12))
    asked = dict(step="1m", aggregates=["mean", "count"])
    none = ask(p, path, T0, T0 + 720, **asked)
    assert [v for v in none["mean"] if v is not None] == [10, 20, 80, 90, 10]
    # The value goes on where nothing was measured, so these buckets are known, and empty of samples.
    assert none["count"] == [1, 1, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0]
    # A Bad sample behind each ends its value: now the minutes between are empty indeed.
    at = [T0 + m * 60 + s for m in minutes for s in (5, 6)]
    values = [v for m in minutes for v in (want[m], None)]
    p.make("points", group=p.group, code="GAPS", name="GAPS", address="GAPS", type="f64")
    body = batches.names([f"{p.path}/GAPS"]) + batches.tall(batches.F64, [0] * 10, [t * 10**9 for t in at], values, [0, 0x80000000] * 5)
    assert batches.send(p, body)[0] == 204
    tenon.wait_for(lambda: sum(ask(p, f"{p.path}/GAPS", T0, T0 + 720, aggregates=["count"])["count"]) == 10, 20, "all are there")
    for fill, figure in ("null", want), ("previous", want.ffill()), ("linear", want.interpolate(limit_area="inside")):
        got = ask(p, f"{p.path}/GAPS", T0, T0 + 720, fill=fill, **asked)
        assert got["count"] == (2 * want.notna().astype(int)).tolist() and len(got["t"]) == 12
        near(got["mean"], figure.tolist())


def test_whole_numbers_are_exact_at_both_ends(p):
    values = [2**63 - 1, -2**63, 2**53 + 1, 2**53, -2**53 - 1, 2**63 - 2]
    path = write(p, "I64", [(T0 + i) * 10**9 for i in range(len(values))], values, type="i64")
    got = ask(p, path, T0, T0 + 60, aggregates=["min", "max", "first", "last", "count", "min_time"])
    assert [int(got["min"][0]), int(got["max"][0]), int(got["first"][0]), int(got["last"][0])] == [min(values), max(values), values[0], values[-1]]
    assert got["min_time"] == [(T0 + 1) * 10**6]
    path = write(p, "I53", [(T0 + i) * 10**9 for i in range(3)], [2**53 + 1, 2**53, 2**53 + 2], type="i64")
    got = ask(p, path, T0, T0 + 60, aggregates=["min", "max"])
    assert [int(got["min"][0]), int(got["max"][0])] == [2**53, 2**53 + 2]


def test_recordings_of_real_machines(p):
    files = [("skab/valve1/0.csv", ";", "datetime", "Volume Flow RateRMS"), ("nab/machine_temperature_system_failure.csv", ",", "timestamp", "value")]
    for i, (name, separator, time, column) in enumerate(files):
        frame = pd.read_csv(tenon.SHARED / "data" / name, sep=separator, parse_dates=[time]).drop_duplicates(time).set_index(time).sort_index()
        series = frame[column]
        path = write(p, f"REAL{i}", [t.value for t in series.index], series.tolist())
        start, end = series.index[0].value // 10**9, series.index[-1].value // 10**9 + 1
        got = ask(p, path, start, end, calendar="day", zone="UTC", aggregates=NUMBERS + ["delta"])
        want = series.resample("D")
        assert got["count"] == [n for n in want.count() if n]
        for word, figure in ("mean", want.mean()), ("stddev", want.std()), ("median", want.median()), ("min", want.min()), ("max", want.max()), ("p10", want.quantile(0.1)):
            near(got[word], figure.dropna().tolist())


@pytest.mark.parametrize("fill", ["none", "null", "previous", "linear"])
def test_rows_of_csv_are_the_columns_of_json(p, fill):
    """Streamed piece by piece: a gap may lie across the border of two pieces."""
    rng = np.random.default_rng(8)
    times = np.unique(rng.integers(0, 40, 3000)) * 3600 * 10**9 * 24 + T0 * 10**9
    codes = [("RV", "f64", rng.normal(0, 1, len(times)).tolist()), ("RS", "string", [f"t{i},\"" for i in range(len(times))])]
    for code, kind, values in codes:
        if fill == "none":
            write(p, code, times, [v.replace('"', '\\"') if isinstance(v, str) else v for v in values], type=kind)
        asked = {"points": [f"{p.path}/{code}"], "from": iso(T0), "to": iso(T0 + 86400 * 45), "step": "1h", "fill": fill, "aggregates": ["last", "count", "states"]}
        status, _, body = p.call("POST", f"{BASE}/query", asked, headers={"Accept": "text/csv"}, raw=True)
        assert status == 200, body
        rows = list(csv.DictReader(io.StringIO(body.decode())))
        got = p.query(asked.pop("points"), asked.pop("from"), asked.pop("to"), **asked)[f"{p.path}/{code}"]
        assert [int(r["count"]) for r in rows] == got["count"] and len(rows) == len(got["t"])
        assert [r["last"] for r in rows] == ["" if v is None else repr(v) if kind == "f64" and not v.is_integer() else str(v) for v in got["last"]]


def test_a_plot_keeps_every_peak(p):
    rng = np.random.default_rng(9)
    times, values = T0 * 10**9 + np.arange(20000) * 10**9, rng.normal(0, 1, 20000)
    values[[777, 12345]] = 50, -50
    got = ask(p, write(p, "PLOT", times, values.tolist()), T0, T0 + 20000, pixels=100)
    pixels = pd.Series(values).groupby(np.arange(20000) // 200)
    want = set(pixels.idxmin()) | set(pixels.idxmax()) | set(range(0, 20000, 200)) | set(range(199, 20000, 200))
    assert [t // 10**6 - T0 for t in got["t"]] == sorted(want) and got["v"] == values[sorted(want)].tolist()
    words = ask(p, write(p, "PLOTS", times[:1000], [f"w{i}" for i in range(1000)], type="string"), T0, T0 + 1000, pixels=10)
    assert words["v"] == [f"w{i}" for i in range(0, 1000, 100)]


@pytest.mark.parametrize("body,code,pointer", [
    ({"calendar": "day", "zone": "Europe/Nowhere"}, "invalid", "/zone"), ({"calendar": "day", "zone": "../../etc/passwd"}, "invalid", "/zone"),
    ({"calendar": "shift", "step": "7h"}, "invalid", "/step"), ({"calendar": "day", "day_start": "24h"}, None, "/day_start"),
    ({"aggregates": ["p101"]}, "not_a_word", "/aggregates"), ({"aggregates": ["average"]}, "not_a_word", "/aggregates"),
    ({"aggregates": [f"p{i}" for i in range(9)]}, "invalid", "/aggregates"), ({"aggregates": ["max", "max"]}, "invalid", "/aggregates"),
    ({"calendar": "day", "step": "1h"}, "invalid", "/step"), ({"step": "1h", "zone": "Peking"}, "invalid", "/zone"), ({"from": "yesterday"}, "wrong_type", "/from"), ({"fill": "spline"}, "not_a_word", "/fill"),
    ({"calendar": "fortnight"}, "not_a_word", "/calendar"), ({"timeout": "1ms"}, None, "/timeout"),
    ({"pixels": 9, "step": "1s"}, "invalid", "/pixels")])
def test_what_cannot_be_is_refused_by_name(p, body, code, pointer):
    write(p, f"X{abs(hash(str(body)))}", [T0 * 10**9], [1.0])
    status, _, problem = p.call("POST", f"{BASE}/query", {"points": [f"{p.path}/X{abs(hash(str(body)))}"], "from": iso(T0), "to": iso(T0 + 60), **body})
    assert status in (404, 422, 429) and (code is None or problem["code"] == code), problem
    assert problem["errors"][0]["pointer"] == pointer, problem


@pytest.mark.parametrize("body,said", [
    ({"calendar": "shift", "step": "7h"}, ("is 7h", "现为 7h")), ({"calendar": "week", "step": "8h"}, ("is 8h", "现为 8h")), ({"pixels": 90, "step": "1s"}, ("is 90", "现为 90")),
    ({"calendar": "day", "day_start": "500ms"}, ("is 500ms", "现为 500ms")), ({"step": "1h", "zone": "GMT+8"}, ("+08:00, UTC or local, is GMT+8", "+08:00、UTC 或 local，现为 GMT+8")),
    ({"from": "2026-03-01 08:00"}, ("now-1h", "形如 now-1h"))])
def test_a_refusal_names_the_value_and_the_form_in_both_languages(p, body, said):
    name = f"Y{abs(hash(str(body)))}"
    write(p, name, [T0 * 10**9], [1.0])
    for lang, want in zip(("en", "zh"), said):
        _, _, problem = p.call("POST", f"{BASE}/query", {"points": [f"{p.path}/{name}"], "from": iso(T0), "to": iso(T0 + 60), **body}, headers={"Accept-Language": lang})
        assert want in problem["detail"], problem


def test_the_command_line_asks_the_same(p):
    path = write(p, "CLI", [(T0 + i * 3600) * 10**9 for i in range(72)], [float(i) for i in range(72)])
    args = [tenon.PROGRAM, "query", path, "--from", iso(T0), "--to", iso(T0 + 86400 * 3), "--server", p.url, "--token", p.token]
    done = subprocess.run([*args, "--calendar", "day", "--zone", "Asia/Shanghai", "--aggregate", "count,p50,max", "--output", "csv"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["time,point,count,p50,max,quality", f"2026-03-01T00:00:00Z,{path},16,7.5,15,0x00000000", f"2026-03-01T16:00:00Z,{path},24,27.5,39,0x00000000",
                                   f"2026-03-02T16:00:00Z,{path},24,51.5,63,0x00000000", f"2026-03-03T16:00:00Z,{path},8,67.5,71,0x00000000"]
    done = subprocess.run([*args, "--calendar", "day", "--zone", "UTC", "--aggregate", "count"], capture_output=True, text=True, timeout=60)
    assert [line.split()[2] for line in done.stdout.splitlines()] == ["24", "24", "24"], done.stdout
    path = write(p, "CLI2", [T0 * 10**9, (T0 + 5) * 10**9 + 1_234_567, (T0 + 90) * 10**9], [1, 2, 2], type="i64")
    done = subprocess.run([args[0], "query", path, *args[3:], "--aggregate", "states"], capture_output=True, text=True, timeout=60)
    assert done.stdout.split("  ")[2:] and "1 5s1ms, 2 2d23h59m54s999ms" in done.stdout, done.stdout + done.stderr
