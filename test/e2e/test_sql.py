"""SQL over history and records. The reference is the Python package duckdb 2.0.0, fed with what POST /query and the lists of records give."""
import concurrent.futures
import csv
import io
import json
import math
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

import tenon

duckdb = pytest.importorskip("duckdb")
LIBRARY = tenon.BUILD / "tools" / "duckdb" / "libduckdb.so"
pytestmark = pytest.mark.skipif(not LIBRARY.exists(), reason="libduckdb.so is missing: tools/setup sql")

START = 1_700_000_000_000        # ms: 2023-11-14T22:13:20Z
N = 4000


@pytest.fixture(scope="module")
def p(platform):
    platform.token = platform.sign_in()
    lines = []
    for i in range(N):
        ok = "true" if i % 3 else "false"
        lines.append(f'oven,zone=z{i % 4} temp={60 + 10 * math.sin(i / 90):.3f},n={i * 1_000_003}i,ok={ok},state="s{i % 5}" {START + i * 700}')
    for at in range(0, N, 1000):
        status, _, body = platform.call("POST", "/api/v1/write?precision=ms", "\n".join(lines[at:at + 1000]), headers={"Content-Type": "text/plain"})
        assert status == 204, body
    return platform


def ask(p, sql, token=None, **more):
    return p.call("POST", "/api/v1/sql", {"sql": sql, **more}, token)


def rows(p, sql, **more):
    status, _, body = ask(p, sql, **more)
    assert status == 200, body
    assert "error" not in body, body
    return [tuple(r) for r in body["rows"]]


@pytest.fixture(scope="module")
def peer(p):
    """The same samples in a DuckDB of Python's: table t (time, point, value, quality); times as clock readings in UTC, which need no pytz."""
    db = duckdb.connect()
    db.execute("SET TimeZone='UTC'")
    points = [x["path"] for x in p.call("GET", "/api/v1/points?limit=1000")[2]["items"]]
    db.execute("CREATE TABLE t (time TIMESTAMP, point VARCHAR, value DOUBLE, quality UINTEGER)")
    for path, series in p.query([x for x in points if x.endswith("/temp")], start="2023-11-14T00:00:00Z").items():
        values = [(t, path, v, 0) for t, v in zip(series["t"], series["v"])]
        db.executemany("INSERT INTO t VALUES (make_timestamp(?), ?, ?, ?)", values)
    return db


def same(ours, theirs):
    """Rows equal: texts and whole numbers exactly, doubles to 12 digits (a sum may be made in another order), times as instants."""
    def plain(v):
        return v.isoformat() + "Z" if hasattr(v, "isoformat") else v

    def instant(v):
        return v.rstrip("Z").rstrip("0").rstrip(".") if isinstance(v, str) and v.endswith("Z") else v
    assert len(ours) == len(theirs), (len(ours), len(theirs))
    for a, b in zip(ours, theirs):
        for x, y in zip(a, (plain(v) for v in b)):
            if isinstance(y, float) and x is not None:
                assert math.isclose(float(x), y, rel_tol=1e-12, abs_tol=1e-12), (a, b)
            else:
                assert instant(x) == instant(y), (a, b)


TS = "ts('oven*/temp', '2023-11-14T00:00:00Z', 'now')"


@pytest.mark.parametrize("sql", [
    "SELECT * FROM {t} ORDER BY time, point LIMIT 500",
    "SELECT count(*), count(DISTINCT point), min(value), max(value), sum(value), avg(value) FROM {t}",
    "SELECT point, count(*) AS n, avg(value), stddev(value) FROM {t} GROUP BY point ORDER BY point",
    "SELECT time_bucket(INTERVAL 5 minute, time) AS b, point, avg(value) FROM {t} GROUP BY ALL ORDER BY ALL",
    "SELECT date_trunc('hour', time) AS h, quantile_cont(value, 0.9) FROM {t} GROUP BY h ORDER BY h",
    "SELECT time, value - lag(value) OVER (PARTITION BY point ORDER BY time) AS d FROM {t} WHERE point LIKE '%z2/%' ORDER BY time LIMIT 300",
    "WITH hot AS (SELECT * FROM {t} WHERE value > 69) SELECT a.point, count(*) FROM hot a JOIN hot b ON b.time = a.time + INTERVAL 2800 millisecond AND a.point = b.point GROUP BY ALL ORDER BY 1",
    "SELECT point, arg_max(time, value) AS at FROM {t} GROUP BY point ORDER BY point",
    "SELECT count(*) FROM {t} WHERE quality = 0 AND time >= TIMESTAMPTZ '2023-11-14 22:30:00+00'",
    "SELECT value FROM {t} UNION ALL SELECT value FROM {t} ORDER BY value LIMIT 40 OFFSET 100",
])
def test_history_is_what_the_reference_makes_of_the_exported_samples(p, peer, sql):
    same(rows(p, sql.format(t=TS)), peer.execute(sql.format(t="t")).fetchall())


def test_rollup_gives_the_figures_of_the_query_door(p):
    point = "oven,zone=z1/temp"
    want = p.query([point], start="2023-11-14T22:00:00Z", end="2023-11-14T23:20:00Z", step="10m", aggregates=["avg", "min", "max", "count", "coverage"])[point]
    got = rows(p, f"SELECT epoch_us(time), avg, min, max, count, coverage FROM rollup('{point}', '10m', '2023-11-14T22:00:00Z', '2023-11-14T23:20:00Z') ORDER BY 1")
    assert [list(r) for r in got] == [list(r) for r in zip(want["t"], want["avg"], want["min"], want["max"], want["count"], want["coverage"])]
    by_interval = rows(p, f"SELECT count(*) FROM rollup('{point}', INTERVAL 10 minute, TIMESTAMPTZ '2023-11-14 22:00:00+00', TIMESTAMPTZ '2023-11-14 23:20:00+00')")
    assert by_interval == [(len(got),)]


def test_values_keep_their_type_and_every_bit(p):
    last = {r[0]: r[1:] for r in rows(p, "SELECT point, value, typeof(value) FROM last('oven,zone=z3/n')")}
    assert last["oven,zone=z3/n"] == ((N - 1) * 1_000_003, "BIGINT")
    assert rows(p, "SELECT value, typeof(value) FROM last('oven,zone=z3/ok')") == [(False, "BOOLEAN")]
    assert rows(p, "SELECT value, typeof(value) FROM last('oven,zone=z3/state')") == [("s4", "VARCHAR")]
    assert {r[0] for r in rows(p, "SELECT DISTINCT typeof(value) FROM last(['oven,zone=z3/n', 'oven,zone=z3/temp'])")} == {"DOUBLE"}
    assert rows(p, "SELECT 9007199254740993::BIGINT, 'nan'::DOUBLE, '-inf'::FLOAT, 0.1::FLOAT, 12345678901234567890123::HUGEINT, 1.10::DECIMAL(9, 2), NULL") == [
        ("9007199254740993", "NaN", "-Inf", 0.1, "12345678901234567890123", 1.1, None)]
    body = ask(p, "SELECT [1, 2], {'a': 'b'}, MAP {'k': 1}, DATE '2026-01-31', TIME '08:00:00.5', TIMESTAMP '2026-01-31 08:00:00', INTERVAL '1 day 2 hours', "
                  "'00000000-0000-0000-0000-000000000001'::UUID, 'x'::ENUM('x', 'y'), '\\xAA'::BLOB, '{\"a\": 1}'::JSON")[2]["rows"][0]
    assert body == [[1, 2], {"a": "b"}, [{"key": "k", "value": 1}], "2026-01-31", "08:00:00.5", "2026-01-31T08:00:00", "1 day 02:00:00",
                    "00000000-0000-0000-0000-000000000001", "x", "aa", {"a": 1}]


def test_a_point_that_is_named_twice_is_there_once(p):
    named = "['oven,zone=z1/temp', 'oven,zone=z1/*', 'oven,zone=z1/te*', 'oven,zone=z1/temp']"
    assert rows(p, f"SELECT count(*), count(DISTINCT point) FROM last({named})") == [(4, 4)]
    once = rows(p, "SELECT point, count(*) FROM ts('oven,zone=z1/*', '2023-11-14T00:00:00Z', 'now') GROUP BY point ORDER BY point")
    assert rows(p, f"SELECT point, count(*) FROM ts({named}, '2023-11-14T00:00:00Z', 'now') GROUP BY point ORDER BY point") == once


def test_a_day_is_the_day_of_the_time_zone_asked_for(p):
    assert rows(p, "SELECT date_trunc('day', min(time)) FROM " + TS, zone="Asia/Shanghai") == [("2023-11-14T16:00:00Z",)]
    assert rows(p, "SELECT date_trunc('day', min(time)) FROM " + TS) == [("2023-11-14T00:00:00Z",)]
    assert rows(p, "SELECT date_trunc('day', min(time)) FROM " + TS, zone="+08:00") == [("2023-11-14T16:00:00Z",)]
    assert rows(p, "SELECT current_setting('TimeZone')", zone="-03:00") == [("Etc/GMT+3",)]
    for wrong in "Peking", "+05:30":
        status, _, body = ask(p, "SELECT 1", zone=wrong)
        assert status == 422 and body["errors"][0]["pointer"] == "/zone" and wrong in body["detail"] and "Asia/Shanghai" in body["detail"], body
    status, _, body = ask(p, "SELECT 1", zone="Mars/Olympus")
    assert (status, body["code"]) == (422, "invalid")
    assert ask(p, "SELECT 1", zone="x'; SET threads=1; --")[0] == 422


def test_every_list_is_a_table_with_the_same_rows(p):
    tables = p.call("GET", "/api/v1/sql/tables")[2]
    assert tables["available"] is True
    assert {"points", "devices", "groups", "places", "connections", "users", "roles", "tokens", "trends", "commands", "imports", "audit"} <= {t["name"] for t in tables["tables"]}
    for t in tables["tables"]:
        names = {c["name"] for c in t["columns"]}
        assert {"id", "rev", "created"} <= names
        assert not names & ({"password", "secret", "salt", "key"} | ({"hash"} if t["name"] != "audit" else set())), t        # of the audit it is the chain
        answer = ask(p, f'SELECT * FROM {t["name"]}')
        assert answer[0] == 200, answer
        assert [c["name"] for c in answer[2]["columns"]] == [c["name"] for c in t["columns"]]
    for noun in ("points", "devices", "groups", "users", "roles"):
        listed = p.call("GET", f"/api/v1/{noun}?limit=1000&sort=id")[2]["items"]
        got = rows(p, f"SELECT id, rev, created FROM {noun} ORDER BY id")
        assert [r[0] for r in got] == [x["id"] for x in listed]
        assert [int(r[1]) for r in got] == [x["rev"] for x in listed]
    got = rows(p, 'SELECT p.path, d.code FROM points p JOIN devices d ON p.device = d.id WHERE p.path LIKE \'%z0/%\' ORDER BY 1')
    assert [r[0] for r in got] == [f"oven,zone=z0/{x}" for x in ("n", "ok", "state", "temp")]


def test_more_rows_than_a_page_and_more_blocks_than_one(p):
    assert rows(p, "SELECT count(*), sum(value) FROM ts(['oven,zone=z0/n', 'oven,zone=z1/n', 'oven,zone=z2/n', 'oven,zone=z3/n'], '2023-11-14T00:00:00Z', 'now')") == [
        (N, str(1_000_003 * N * (N - 1) // 2) if 1_000_003 * N * (N - 1) // 2 > 2**53 else 1_000_003 * N * (N - 1) // 2)]
    status, head, text = p.call("POST", "/api/v1/sql", {"sql": "SELECT i, 'é' || i AS s FROM range(300000) t(i)", "limit": 1000000}, headers={"Accept": "text/csv"}, raw=True)
    lines = text.decode().split("\r\n")
    assert status == 200 and head["Content-Type"].startswith("text/csv")
    assert lines[0] == "i,s" and len(lines) == 300002 and lines[300000] == "299999,é299999"
    status, _, text = p.call("POST", "/api/v1/sql", {"sql": "SELECT i, {'a': i} AS o FROM range(50000) t(i)", "limit": 1000000}, headers={"Accept": "application/x-ndjson"}, raw=True)
    got = [json.loads(x) for x in text.decode().splitlines()]
    assert status == 200 and len(got) == 50000 and got[49999] == {"i": 49999, "o": {"a": 49999}}
    body = ask(p, "SELECT i FROM range(200000) t(i)", limit=150000)[2]
    assert (body["count"], body["truncated"], len(body["rows"])) == (150000, True, 150000)
    assert ask(p, "SELECT i FROM range(5) t(i)", limit=5)[2]["truncated"] is False


def test_cells_that_spreadsheets_would_run_are_guarded_in_csv(p):
    text = p.call("POST", "/api/v1/sql", {"sql": "SELECT '=1+1' AS \"=a\", -5 AS n, 'a,\"b\"' AS q"}, headers={"Accept": "text/csv"}, raw=True)[2].decode()
    assert list(csv.reader(io.StringIO(text))) == [["'=a", "n", "q"], ["'=1+1", "-5", 'a,"b"']]


def test_what_fails_behind_the_first_rows_is_said_in_the_answer(p):
    sql = "SELECT CASE WHEN i < 100000 THEN i ELSE error('here it ends') END FROM range(200000) t(i)"
    status, _, body = ask(p, sql, limit=1000000)
    assert (status == 200 and "here it ends" in body["error"]["detail"] and body["count"] == len(body["rows"])) or (status == 422 and "here it ends" in body["detail"])


@pytest.mark.parametrize("sql,english,chinese", [
    ("SELECT * FROM last(NULL)", "points are a text", "点位须为"),
    ("SELECT * FROM rollup('oven,zone=z0/temp', INTERVAL 1 month, 'now-1h', 'now')", "a step is", "步长须为"),
    ("SELECT * FROM ts('oven,zone=z0/temp', NULL, 'now')", "a time is", "时间须为"),
    ("SELECT * FROM ts('oven,zone=z0/temp', 'now', 'now-1h')", "later than", "晚于"),
    ("SELECT $1", "no values here", "没有值"), ("-- nothing", "no statement", "没有语句"), ("SELECT 1; SELECT 2", "one statement", "一条语句"),
    ("SELECT TIMETZ '08:00:00+02'", "CAST it", "CAST"), ("SELECT repeat('x', 200000)", "128 KB", "截短"), ("VACUUM", "only SELECT", "只能执行"),
])
def test_what_is_wrong_is_said_in_both_languages(p, sql, english, chinese):
    for language, words in (("en", english), ("zh", chinese)):
        status, _, body = p.call("POST", "/api/v1/sql", {"sql": sql}, headers={"Accept-Language": language})
        assert status == 422 and words in body["detail"] and "@" not in body["detail"], body


# ---- rights ----

def token(p, name, *permissions, place=None):
    role = p.make("roles", name=name, permissions=list(permissions))
    none = p.call("GET", "/api/v1/roles?name=none")[2]["items"][0]["id"]
    made = p.make("tokens", name=name, role=none if place else role["id"])
    if place:
        p.make("grants", token=made["id"], role=role["id"], place=place)
    return made["secret"]


def test_it_needs_a_right_of_its_own_and_shows_what_the_lists_show(p):
    viewer = p.sign_in("viewer", "a viewer")
    assert (ask(p, "SELECT 1", viewer)[0], p.call("GET", "/api/v1/sql/tables", token=viewer)[0]) == (403, 403)
    assert ask(p, "SELECT 1", "tnn_nobody")[0] == 401
    only = token(p, "only_sql", "sql.query")
    assert ask(p, "SELECT 1", only)[0] == 200
    assert (ask(p, "SELECT * FROM points", only)[2]["code"], ask(p, "SELECT * FROM last('*')", only)[2]["code"]) == ("no_table", "denied")
    assert p.call("GET", "/api/v1/sql/tables", token=only)[2]["tables"] == []
    reader = token(p, "sql_reader", "sql.query", "point.read", "sample.read")
    names = {t["name"] for t in p.call("GET", "/api/v1/sql/tables", token=reader)[2]["tables"]}
    assert "points" in names and not names & {"users", "tokens", "devices", "audit"}
    for hidden in ("users", "tokens", "tenants", "devices", "audit"):
        assert ask(p, f"SELECT * FROM {hidden}", reader)[2]["code"] == "no_table"
    assert ask(p, "SELECT * FROM " + TS, reader)[0] == 200


def test_a_right_in_a_place_shows_that_place_and_nothing_else(p):
    def plant(code):
        place = p.make("places", code=code)["id"]
        connection = p.make("connections", code=f"net-{code}", driver="push")["id"]
        device = p.make("devices", code=f"press-{code}", connection=connection, place=place)["id"]
        group = p.make("groups", code="fast", device=device)["id"]
        point = p.make("points", code="load", group=group, address="load", type="f64")
        path, field = point["path"].rsplit("/", 1)
        assert p.call("POST", "/api/v1/write", f"{path} {field}=1.5", headers={"Content-Type": "text/plain"})[0] == 204
        return place, point["path"]
    (here, mine), (_, other) = plant("hall-a"), plant("hall-b")
    t = token(p, "of_hall_a", "sql.query", "point.read", "sample.read", place=here)
    listed = {x["path"] for x in p.call("GET", "/api/v1/points?limit=1000", token=t)[2]["items"]}
    assert {r[0] for r in ask(p, "SELECT path FROM points", t)[2]["rows"]} == listed == {mine}
    assert {r[0] for r in ask(p, "SELECT point FROM last('*')", t)[2]["rows"]} == {mine}
    status, _, body = ask(p, f"SELECT * FROM ts('{other}', 'now-1h', 'now')", t)
    assert (status, body["code"]) == (404, "missing")


def test_another_tenant_does_not_exist(p):
    there = p.make("tenants", code="elsewhere")
    status, _, _ = p.call("POST", f"/api/v1/tenants/{there['id']}/users", {"name": "eve", "password": "ten letters", "role": "administrator"})
    assert status in (200, 201, 204)
    import people
    eve = people.Person(p, "eve", "ten letters")
    status, _, body = eve("POST", "/api/v1/sql", {"sql": "SELECT count(*) FROM points"})
    assert (status, body["rows"]) == (200, [[0]])
    assert eve("POST", "/api/v1/sql", {"sql": "SELECT * FROM last('oven,zone=z0/temp')"})[0] == 404
    assert eve("POST", "/api/v1/sql", {"sql": "SELECT name FROM users"})[2]["rows"] == [["eve"]]


def test_every_statement_is_in_the_audit(p):
    assert rows(p, "SELECT 'find me in the audit'") == [("find me in the audit",)]
    entries = p.call("GET", "/api/v1/audit?limit=20")[2]["items"]
    assert any("find me in the audit" in json.dumps(e) for e in entries if e["deed"] == "sql.query"), entries[:3]


# ---- hostile ----

HOSTILE = [
    "COPY (SELECT 1) TO '{f}'", "COPY (SELECT 1) TO '/dev/stdout'", "COPY points TO '{f}' (FORMAT parquet)", "EXPORT DATABASE '{f}'", "IMPORT DATABASE '/etc'",
    "SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM read_csv_auto('/etc/passwd', delim=':')", "SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM read_blob('/etc/shadow')",
    "SELECT * FROM read_parquet('{d}/**/*.parquet')", "SELECT * FROM read_json('/proc/self/environ')", "SELECT * FROM '/etc/passwd'", "SELECT * FROM 'http://127.0.0.1:1/x.csv'",
    "SELECT * FROM glob('/*')", "SELECT * FROM glob('{d}/**')", "ATTACH '{d}/system/store.db' AS s (TYPE sqlite)", "ATTACH '{f}.duckdb'", "ATTACH ':memory:' AS m",
    "SELECT * FROM sqlite_scan('{d}/system/store.db', 'users')", "INSTALL httpfs", "LOAD httpfs", "LOAD '{f}.so'", "FORCE INSTALL sqlite FROM 'http://127.0.0.1:1'",
    "SET enable_external_access = true", "SET memory_limit = '64GB'", "SET threads = 64", "RESET ALL", "SET lock_configuration = false", "SET temp_directory = '/tmp'",
    "PRAGMA memory_limit='64GB'", "PRAGMA enable_profiling='json'; PRAGMA profiling_output='{f}'; SELECT 1", "CALL pragma_database_size()", "CREATE SECRET (TYPE s3, KEY_ID 'a', SECRET 'b')",
    "CREATE TABLE x AS SELECT 1", "CREATE MACRO f() AS 1", "CREATE OR REPLACE VIEW points AS SELECT 1", "INSERT INTO points VALUES (1)", "UPDATE points SET code = 'x'", "DELETE FROM points",
    "DROP TABLE points", "BEGIN TRANSACTION", "CHECKPOINT", "VACUUM", "DETACH memory", "USE memory", "PREPARE a AS SELECT 1", "EXECUTE a",
    "SELECT getenv('TENON_SQL_LIBRARY')", "SELECT 1; COPY (SELECT 1) TO '{f}'", "EXPLAIN ANALYZE COPY (SELECT 1) TO '{f}'", "SELECT * FROM tenon_records('/etc/passwd')",
    "SELECT * FROM duckdb_extensions()", "SELECT * FROM parquet_metadata('{d}/x.parquet')", "SELECT write_log('x', log_type := 'y', scope := 'database') FROM read_text('/etc/hostname')",
]
GREEDY = [       # each is cut by time or memory
    "SELECT count(*) FROM range(10000000000000) a, range(10000000000000) b", "SELECT sum(i) FROM generate_series(1, 100000000000000) t(i)",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r", "WITH RECURSIVE r(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM r) SELECT max(len(s)) FROM r",
    "SELECT repeat('x', 10000000000)", "SELECT len(list(i)) FROM range(100000000000) t(i)", "SELECT string_agg(repeat('x', 1000), '') FROM range(100000000)",
    "SELECT count(*) FROM range(1000000000) t(i) WHERE regexp_matches(repeat('a', 100000) || i, '(a+)+(a+)+(a+)+c')", "SELECT list_sort(range(2000000000))", "SELECT md5(repeat('x', 200000000)) FROM range(100000)",
    "SELECT * FROM range(1000000000000) ORDER BY random()", "SELECT range(1000000000)::VARCHAR", "SELECT " + "abs(" * 3000 + "1" + ")" * 3000,
]


def unharmed(p, before):
    assert p.child.poll() is None
    assert p.call("GET", "/healthz")[0] == 200
    assert rows(p, "SELECT 40 + 2") == [(42,)]
    assert resident(p) < before + 150_000, "the platform grew"


def resident(p):
    return int(next(x for x in pathlib.Path(f"/proc/{p.child.pid}/status").read_text().splitlines() if x.startswith("VmRSS")).split()[1])


def test_fifty_hostile_statements_are_refused(p):
    before, folder = resident(p), tempfile.mkdtemp()
    secret = open("/etc/passwd").read().splitlines()[0]
    assert len(HOSTILE) >= 50
    for sql in HOSTILE:
        status, _, body = ask(p, sql.format(f=f"{folder}/out", d=p.data), timeout="5s")
        assert status in (403, 404, 422) and body["detail"] and "\u0000" not in body["detail"], (sql, status, body)
        assert secret not in json.dumps(body)
    assert os.listdir(folder) == []
    shutil.rmtree(folder)
    unharmed(p, before)


def test_what_takes_too_much_is_cut_with_a_sentence(p):
    before = resident(p)
    for sql in GREEDY:
        status, _, body = ask(p, sql, timeout="700ms")
        code = body.get("code") or body.get("error", {}).get("code")
        assert (status in (422, 503, 504) and body["detail"]) or "error" in body, (sql, status, str(body)[:300])
        assert code in ("timeout", "sql_memory", "sql", "sql_died"), (sql, body)
    unharmed(p, before)


def test_out_of_memory_says_so_in_both_languages(p):
    sql = "SELECT count(*) FROM (SELECT DISTINCT i, repeat(i::VARCHAR, 20) FROM range(20000000) t(i))"
    status, _, body = ask(p, sql)
    assert (status, body["code"]) == (422, "sql_memory"), body
    assert "内存" in p.call("POST", "/api/v1/sql", {"sql": sql}, headers={"Accept-Language": "zh"})[2]["detail"]


# ---- processes ----

def helpers(p):
    found = []
    for d in pathlib.Path("/proc").iterdir():
        try:
            if d.name.isdigit() and "--role=sql" in (d / "cmdline").read_text() and f"PPid:\t{p.child.pid}\n" in (d / "status").read_text():
                found.append(int(d.name))
        except OSError:
            pass
    return found


def working(p, n=1):
    """Helpers that have used the processor, when there are n of them."""
    def used(pid):
        try:
            f = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            return int(f[11]) + int(f[12])
        except OSError:
            return 0
    busy = [h for h in helpers(p) if used(h) > 20]
    return len(busy) >= n and busy


ENDLESS = "SELECT sum(i * 3) FROM range(10000000000000) t(i)"


def test_a_killed_helper_is_one_sentence_and_the_next_statement_works(p):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answer = pool.submit(ask, p, ENDLESS)
        os.kill(tenon.wait_for(lambda: working(p), what="a helper at work")[0], signal.SIGKILL)
        status, _, body = answer.result(20)
    assert (status, body["code"]) == (503, "sql_died"), body
    assert rows(p, "SELECT 1") == [(1,)]


def test_who_hangs_up_ends_his_statement(p):
    host, port = p.url.split("//")[1].split(":")
    body = json.dumps({"sql": ENDLESS, "timeout": "300s"})
    with socket.create_connection((host, int(port))) as s:
        s.sendall(f"POST /api/v1/sql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {p.token}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        pid = tenon.wait_for(lambda: working(p), what="a helper at work")[0]
    tenon.wait_for(lambda: not pathlib.Path(f"/proc/{pid}/status").exists() or "State:\tZ" in pathlib.Path(f"/proc/{pid}/status").read_text(), what="the helper has ended")


def test_more_statements_than_may_run_are_told_to_come_again(p):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        two = [pool.submit(ask, p, ENDLESS, timeout="300s") for _ in range(2)]
        pids = tenon.wait_for(lambda: working(p, 2), what="two helpers at work")
        status, head, body = ask(p, "SELECT 1")
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        assert (status, body["code"]) == (503, "busy") and head["Retry-After"]
        assert [f.result(20)[0] for f in two] == [503, 503]
    assert rows(p, "SELECT 1") == [(1,)]


def test_the_helper_may_open_and_connect_to_nothing(p):
    def confined():
        for pid in helpers(p):
            try:
                of = pathlib.Path(f"/proc/{pid}")
                status, limits = (of / "status").read_text(), (of / "limits").read_text()
                if "Seccomp:\t2" in status:
                    return status, limits, [os.readlink(of / "fd" / f) for f in os.listdir(of / "fd")]
            except OSError:             # it has just ended
                pass
        return None
    rows(p, "SELECT 1")
    status, limits, fds = tenon.wait_for(confined, what="a helper that has shut itself in")
    assert "NoNewPrivs:\t1" in status
    assert all(f.startswith(("socket:", "pipe:", "/dev/null", "anon_inode:")) for f in fds), fds
    assert int(next(x for x in limits.splitlines() if x.startswith("Max address space")).split()[3]) < 2 << 30


def test_without_the_library_one_sentence_says_so():
    q = tenon.Platform(None, "--config", conf("[sql]\nlibrary = /nowhere/libduckdb.so\n"))
    try:
        status, _, body = ask(q, "SELECT 1")
        assert (status, body["code"]) == (501, "no_sql") and "libduckdb.so" in body["detail"]
        assert "DuckDB" in q.call("POST", "/api/v1/sql", {"sql": "SELECT 1"}, headers={"Accept-Language": "zh"})[2]["detail"]
        assert q.call("GET", "/api/v1/sql/tables")[2]["available"] is False
        assert q.call("GET", "/api/v1/points")[0] == 200
    finally:
        assert q.close() == 0


def test_a_library_that_is_none_is_said_and_harms_nothing():
    bad = tempfile.NamedTemporaryFile(suffix=".so")
    bad.write(b"not a library")
    bad.flush()
    q = tenon.Platform(None, "--config", conf(f"[sql]\nlibrary = {bad.name}\n"))
    try:
        status, _, body = ask(q, "SELECT 1")
        assert (status, body["code"]) == (501, "no_sql") and bad.name not in json.dumps(body), body
        tenon.wait_for(lambda: any(bad.name in line for line in q.errors), 10, "the log says which and why")
        assert q.call("GET", "/healthz")[0] == 200
    finally:
        assert q.close() == 0


def conf(text):
    f = tempfile.NamedTemporaryFile("w", suffix=".conf", delete=False)
    f.write(text)
    f.close()
    return f.name


def test_figures_count_statements_and_processes(p):
    def figures():
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in p.call("GET", "/metrics")[2].decode().splitlines() if line.startswith("tenon_sql")}
    before = figures()
    rows(p, "SELECT 1")
    assert ask(p, "SELEC 1")[0] == 422
    after = figures()
    assert after['tenon_sql_statements_total{state="done"}'] == before['tenon_sql_statements_total{state="done"}'] + 1
    assert after['tenon_sql_statements_total{state="failed"}'] == before['tenon_sql_statements_total{state="failed"}'] + 1
    assert after["tenon_sql_processes_total"] > before["tenon_sql_processes_total"] and after["tenon_sql_running"] == 0


# ---- the terminal ----

def cli(p, *args, stdin=None):
    return subprocess.run([tenon.PROGRAM, "sql", *args, "--server", p.url, "--token", p.token], input=stdin, capture_output=True, text=True,
                          env={**os.environ, "LANG": "en_US.UTF-8", "TZ": "UTC"})


def test_in_a_terminal_it_is_a_table_csv_json_or_a_file(p, tmp_path):
    done = cli(p, "SELECT 'oven' AS name, 42 AS n UNION ALL SELECT '炉', 7 ORDER BY n")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["name   n", "炉     7", "oven  42"]
    assert cli(p, "SELECT 1 AS a, 'b' AS c", "--output", "csv").stdout == "a,c\n1,b\n"
    assert json.loads(cli(p, "-", "--output", "json", stdin="SELECT 1 AS a").stdout)["rows"] == [[1]]
    assert cli(p, "SELECT i FROM range(30000) t(i)", "--file", str(tmp_path / "x.csv")).returncode == 0
    assert len((tmp_path / "x.csv").read_text().splitlines()) == 30001
    wrong = cli(p, "SELECT * FROM pionts")
    assert wrong.returncode == 65 and "the nearest is points" in wrong.stderr
    assert "ts(points, from, to)" in cli(p, "--tables").stdout
    assert "┌" in cli(p, "EXPLAIN SELECT 1").stdout
