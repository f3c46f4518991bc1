"""Peer: sysexits.h (BSD) for the exit codes. The command line against a running platform: records, samples, sentences in both languages."""
import os
import subprocess

import pytest

import tenon


@pytest.fixture(scope="module")
def run(platform):
    token = platform.sign_in(name="cli")

    def run(*args, lang="en", stdin=None, token=token):
        env = {**os.environ, "TENON_SERVER": platform.url, "TENON_TOKEN": token, "TENON_LANG": lang}
        return subprocess.run([tenon.PROGRAM, *args], capture_output=True, text=True, env=env, input=stdin, timeout=60)
    return run


def test_records_are_made_shown_changed_and_deleted(run):
    done = run("place", "create", "code=north", "name=北厂", "level=site")
    assert done.returncode == 0, done.stderr
    ident = next(line.split()[1] for line in done.stdout.splitlines() if line.startswith("id "))
    assert "北厂" in run("place", "get", ident).stdout
    assert run("place", "set", ident, "description=old mill").returncode == 0
    listed = run("place", "list", "code=north", "--output", "csv").stdout.splitlines()
    assert len(listed) == 2 and listed[0].startswith("id,") and "old mill" in listed[1]
    assert run("place", "delete", ident).returncode == 0
    assert run("place", "get", ident).returncode == 66      # EX_NOINPUT


def test_samples_go_in_and_come_out(run):
    assert run("write", "-", stdin="boiler temp=81.5,n=7i,state=\"run\" 1700000000000000001\n").returncode == 0

    def found():
        out = run("query", "boiler/temp", "--from", "2023-11-14T00:00:00Z", "--to", "2023-11-15T00:00:00Z", "--output", "csv").stdout
        return out if "81.5" in out else None
    out = tenon.wait_for(found, 20, "the sample")
    assert out.splitlines()[1] == "2023-11-14T22:13:20.000000001Z,boiler/temp,81.5,0x00000000"


def test_a_record_is_found_by_what_it_is_called(run):
    assert run("place", "create", "code=mill-7", "name=Mill 7").returncode == 0
    assert run("connection", "create", "code=called", "driver=modbus-tcp", 'config={"host":"127.0.0.1","port":1}', "enabled=false").returncode == 0
    assert run("device", "create", "code=plc-7", "connection=called", "place=mill-7").returncode == 0
    done = run("group", "create", "code=fast-7", "device=plc-7", "period_ms=1000")
    assert done.returncode == 0, done.stderr
    assert run("point", "create", "code=TT-7", "group=fast-7", "address=40001").returncode == 0
    for name in "TT-7", "mill-7/plc-7/TT-7":
        assert "40001" in run("point", "get", name).stdout
    assert run("point", "set", "TT-7", "unit=kPa").returncode == 0 and "kPa" in run("point", "get", "TT-7").stdout
    assert run("group", "create", "code=fast-8", "device=plc-7", "period_ms=2000").returncode == 0
    assert run("device", "create", "code=plc-8", "connection=called").returncode == 0
    assert run("group", "create", "code=fast-7", "device=plc-8", "period_ms=2000").returncode == 0
    for args in ("group", "get", "fast-7"), ("point", "create", "code=X", "group=fast-7", "address=40001"):      # two are called so
        done = run(*args)
        assert done.returncode == 65 and "several are called so, is fast-7" in done.stderr, done.stderr
    done = run("point", "create", "code=X", "group=none-such", "address=40001")
    assert done.returncode == 66 and "there is no scan group none-such" in done.stderr, done.stderr
    assert "没有点位 TT-8" in run("point", "delete", "TT-8", lang="zh").stderr
    assert run("point", "delete", "mill-7/plc-7/TT-7").returncode == 0 and run("point", "get", "TT-7").returncode == 66


def test_a_file_is_what_its_name_says(run, tmp_path):
    assert run("write", "-", stdin="kiln temp=1200.5 1700000000000000000\nkiln temp=1201.5 1700000001000000000\n").returncode == 0
    where = ["kiln/temp", "--from", "2023-11-14T00:00:00Z", "--to", "2023-11-15T00:00:00Z"]
    tenon.wait_for(lambda: run("query", *where, "--output", "ndjson").stdout.count("\n") == 2, 20, "the samples")
    for end, begin in (("xlsx", b"PK"), ("ndjson", b'{"'), ("csv", b"time,"), ("txt", b"time,")):
        done = run("query", *where, "--file", str(tmp_path / f"kiln.{end}"))
        assert done.returncode == 0 and (tmp_path / f"kiln.{end}").read_bytes().startswith(begin), done.stderr
    for lang, said in (("en", "supported: .csv, .ndjson, .xlsx"), ("zh", "支持：.csv, .ndjson, .xlsx")):
        done = run("query", *where, "--file", str(tmp_path / "kiln.json"), lang=lang)
        assert done.returncode == 65 and said in done.stderr and not (tmp_path / "kiln.json").exists(), done.stderr
    assert run("sql", "SELECT 1", "--file", str(tmp_path / "one.xlsx")).returncode == 65 and not (tmp_path / "one.xlsx").exists()
    done = run("query", *where, "--limit", "1")
    assert "1200.5" in done.stdout and "there is more" in done.stdout.splitlines()[-1] and "more" not in run("query", *where).stdout


def test_history_goes_into_a_file_through_a_job(run, tmp_path):
    lines = "".join(f"mill load={i}i {1700000000 + i}\n" for i in range(500))
    assert run("write", "-", "--precision", "s", stdin=lines).returncode == 0
    where = ["--from", "2023-11-14T00:00:00Z", "--to", "2023-11-15T00:00:00Z"]
    tenon.wait_for(lambda: run("query", "mill/load", *where, "--output", "ndjson").stdout.count("\n") == 500, 20, "the samples")
    file = tmp_path / "load.csv"
    done = run("query", "mill/load", *where, "--file", str(file))
    assert done.returncode == 0, done.stderr
    rows = file.read_bytes().decode().splitlines()
    assert len(rows) == 501 and rows[-1] == "2023-11-14T22:21:39Z,mill/load,499,0x00000000"
    job = run("job", "list", "--output", "csv", "--limit", "1").stdout.splitlines()[1].split(",")
    assert job[1:3] == ["samples.export", "done"]
    again = tmp_path / "again.csv"
    assert run("job", "file", job[0], "--file", str(again)).returncode == 0 and again.read_bytes() == file.read_bytes()
    assert "samples.export" in run("job", "wait", job[0]).stdout
    assert run("job", "delete", job[0]).returncode == 0 and run("job", "get", job[0]).returncode == 66
    assert run("query", "no/where", *where, "--file", str(tmp_path / "none.csv")).returncode == 66 and not (tmp_path / "none.csv").exists()


def test_values_are_followed_as_they_come(run, platform):
    import threading
    run("write", "-", stdin="follow a=1,b=\"=x\" 1700000000000000000\n")
    tenon.wait_for(lambda: run("point", "list", "path=follow/b", "--output", "ndjson").stdout, 20, "the point")
    stop = threading.Event()

    def feed():
        n = 0
        while not stop.is_set():
            n += 1
            run("write", "-", stdin=f"follow a={n} {1700000000000000000 + n}\n")
    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        out = run("live", "follow/", "--count", "4", "--output", "csv").stdout.splitlines()
    finally:
        stop.set()
        feeder.join()
    assert out[0] == "time,point,value,quality" and len(out) >= 5
    assert "2023-11-14T22:13:20Z,follow/b,'=x,0x00000000" in out
    assert sum(",follow/a," in line for line in out) >= 2
    assert run("live", "no/such").returncode == 66
    assert run("live", "follow/a", token="tnn_wrong").returncode == 77


def test_links_are_a_table(run, platform):
    run("connection", "create", "code=l1", "driver=modbus-tcp", 'config={"host":"127.0.0.1","port":1}')
    out = tenon.wait_for(lambda: (lambda t: t if "connection" in t else None)(run("links").stdout), 20, "the link")
    assert out.splitlines()[0].split()[:3] == ["kind", "id", "state_text"]


@pytest.mark.parametrize("args,code,en,zh", [
    (["poitn", "list"], 64, "the nearest is point", "最接近的是 point"),
    (["point", "lsit"], 64, "the nearest is list", "最接近的是 list"),
    (["serve", "--dat", "x"], 64, "the nearest is --data", "最接近的是 --data"),
    (["serve", "--listen", "nowhere"], 65, "listen must be ADDRESS:PORT, is nowhere", "listen 必须为 地址:端口，现为 nowhere"),
    (["serve", "--listen", "0.0.0.0:0"], 65, "without TLS", "没有 TLS"),
    (["group", "create", "code=g", "period_ms=0"], 65, "period_ms", "period_ms"),
    (["point", "list", "colour=red"], 64, "there is no parameter colour", "没有参数 colour"),
    (["routes", "extra"], 64, "takes no arguments; this is one: extra", "不带参数，多余：extra"),
    (["types", "--json"], 64, "takes no arguments", "不带参数"),
    (["openapi", "x", "y"], 64, "takes no arguments", "不带参数"),
    (["point", "list", "--output", "xml"], 65, "output must be one of table, json, csv, ndjson, is xml", "output 只能取 table, json, csv, ndjson，现为 xml"),
    (["job", "wait"], 64, "tenon job list|get|wait", "tenon job list|get|wait"),
    (["job", "cancle", "x"], 64, "the nearest is cancel", "最接近的是 cancel"),
    (["job", "get", "x"], 66, "there is no job x", "没有任务 x"),
    (["links", "a", "b"], 64, "tenon links", "tenon links"),
    (["query", "nothing/here"], 66, "there is no point nothing/here", "没有点位 nothing/here"),
])
def test_a_wrong_word_is_one_sentence_and_a_standard_exit_code(run, tmp_path, args, code, en, zh):
    if args[0] == "serve":
        args = args + ["--data", str(tmp_path / "d")] if "--dat" not in args else args
    for lang, want in (("en", en), ("zh", zh)):
        done = run(*args, lang=lang)
        assert done.returncode == code, (done.returncode, done.stderr)
        assert want in done.stderr, done.stderr


def test_a_wrong_token_and_a_wrong_address_are_told_apart(run):
    assert run("point", "list", token="tnn_wrong").returncode == 77         # EX_NOPERM
    assert run("point", "list", "--server", "http://127.0.0.1:1").returncode == 76  # EX_PROTOCOL: the peer


def test_the_audit_verifies_and_notices_a_changed_byte(run, platform, tmp_path):
    import shutil
    copy = tmp_path / "copy"
    run("place", "create", "code=audited", "level=site")
    platform.call("GET", "/api/v1/audit")
    shutil.copytree(platform.data, copy)
    done = subprocess.run([tenon.PROGRAM, "audit", "verify", "--data", str(copy)], capture_output=True, text=True)
    assert done.returncode == 0 and "whole" in done.stdout, done.stdout + done.stderr
    change = "update {}audit set changes = replace(changes, 'audited', 'audiTed') where changes like '%audited%'"
    if tenon.server:
        tenon.server.sql(change.format("tenon_1."), database=tenon.database_of(copy))
    else:
        import sqlite3
        changed = 0
        for db in copy.rglob("store.db"):
            with sqlite3.connect(db) as c:
                changed += c.execute(change.format("")).rowcount
        assert changed
    done = subprocess.run([tenon.PROGRAM, "audit", "verify", "--data", str(copy)], capture_output=True, text=True)
    assert done.returncode == 65 and "broken at entry" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("args", [["token", "create", "me"], ["audit", "verify"]])
def test_a_verb_on_a_data_folder_makes_none(run, tmp_path, args):
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder in (tmp_path / "typo", empty):
        for lang, want in (("en", f"there is no data folder {folder}"), ("zh", f"没有数据文件夹 {folder}")):
            done = run(*args, "--data", str(folder), lang=lang)
            assert (done.returncode, done.stdout) == (66, ""), done         # EX_NOINPUT
            assert want in done.stderr
    assert list(tmp_path.iterdir()) == [empty] and not list(empty.iterdir())


@pytest.mark.parametrize("args", [["token", "create", "me"], ["user", "link", "me"]])
def test_a_verb_that_needs_a_data_folder_asks_for_it(run, args):
    for lang, want in (("en", "--data is missing"), ("zh", "缺少 --data")):
        done = run(*args, lang=lang)
        assert (done.returncode, done.stdout) == (65, ""), done             # EX_DATAERR
        assert want in done.stderr


def test_a_table_tells_what_differs_from_the_defaults(run):
    for code in ("t1", "t2"):
        assert run("place", "create", f"code={code}", "level=site", "name=mill").returncode == 0
    assert run("connection", "create", "code=tc", "driver=modbus-tcp", 'config={"host":"127.0.0.1"}').returncode == 0

    def head(*args):
        return run(*args).stdout.splitlines()[0].replace(",", " ").split()
    assert "enabled" not in head("connection", "list", "code=tc") and {"id", "code", "driver"} <= set(head("connection", "list", "code=tc"))
    assert head("connection", "list", "code=tc", "--fields", "code,enabled") == ["code", "enabled"]
    assert "enabled" in head("connection", "list", "code=tc", "--output", "csv")
    ident = run("connection", "list", "code=tc", "--output", "csv").stdout.splitlines()[1].split(",")[0]
    assert run("connection", "set", ident, "enabled=false").returncode == 0
    assert "enabled" in head("connection", "list", "code=tc")


def test_help_tells_all_that_goes_by_a_name(run):
    both = run("store", "--help").stdout
    assert "tenon store stats" in both and "tenon store move" in both and run("help", "store").stdout == both == run("store", "-h").stdout
    assert "move" not in run("store", "stats", "--help").stdout
    user = run("help", "user").stdout
    assert "tenon user link" in user and "tenon user list" in user and "last_sign_in" in user
    zh = run("help", "point", lang="zh").stdout
    assert "必填" in zh and "采集组" in zh and "required" not in zh and "Scan group" not in zh
    for lang in "en", "zh":
        assert run("help", "storee", lang=lang).returncode == 64 and "store" in run("help", "storee", lang=lang).stderr
    assert "nearest is stats" in run("store", "stat").stderr and "stats|compact" in run("store").stderr
