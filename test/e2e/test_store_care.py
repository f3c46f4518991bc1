"""A second folder for old days, checks, repairs: what an operator does about the store of samples. Peers: pyarrow reads the files where they lie;
pathlib counts them."""
import itertools
import json
import os
import pathlib
import subprocess

import pytest

import tenon
from test_history import BASE, START, history, run, stats, write
from test_metrics import read, scrape

pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")


names = itertools.count()


running = []


@pytest.fixture(autouse=True)
def stopped():
    yield
    while running:
        running.pop().close()


def opened(p):
    running.append(p)
    p.token = p.sign_in(name=f"care{next(names)}")
    return p


def platform(tmp, **settings):
    conf = tmp / "tenon.conf"
    conf.write_text("[store]\n" + "".join(f"{k} = {v}\n" for k, v in settings.items()))
    return opened(tenon.Platform(str(tmp / "data"), "--head", "1 MB", "--config", str(conf)))


def lying(folder):
    """Files of samples; their figures of minutes and hours have a name with one dot more."""
    return sorted(f for f in pathlib.Path(folder).glob("tenants/1/ts/*/*/*/0*.parquet") if f.name.count(".") == 1)


def folder(s, name):
    return next((f for f in s["folders"] if f["folder"] == name), None)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("care")


@pytest.fixture(scope="module")
def want():
    return {}


def test_old_days_go_to_the_second_folder_and_answer_as_before(work, want):
    cold = work / "cold"
    cold.mkdir()
    p = platform(work, folder=cold, age="30d")
    for turn in range(24):
        write(p, turn, want)
    assert run(p, "store", "compact").returncode == 0
    tenon.wait_for(lambda: (s := stats(p))["files"] and folder(s, "second")["files"] == s["files"], 40, "all days to be moved")
    s = stats(p)
    assert (cold / "tenon-store").exists() and len(lying(cold)) == 4 and s["moving_files"] == 0 and s["moved_files"] >= 4
    tenon.wait_for(lambda: not lying(p.data), 20, "the old copies to go")
    assert sum(pq.read_metadata(f).num_rows for f in lying(cold)) == s["samples"] == folder(s, "second")["samples"]
    assert sum(f.stat().st_size for f in lying(cold)) == folder(s, "second")["bytes"] and folder(s, "data")["files"] == 0
    assert history(p, want) == want
    m = read(scrape(p)[1])
    assert m[("tenon_tsdb_folder_files", (("folder", "second"),))] == 4 and m[("tenon_tsdb_second_reachable", ())] == 1
    shown = run(p, "store", "stats")
    assert shown.returncode == 0 and str(cold) in shown.stdout, shown.stderr
    exported(p, work, want)
    assert p.close() == 0


def exported(p, work, want):
    """All of it as one file for other programs, also from the second folder; some of it as CSV; wrong points are said at once."""
    done = run(p, "store", "export", str(work / "all.parquet"))
    assert done.returncode == 0, done.stderr
    table = pq.read_table(work / "all.parquet")
    assert table.schema.names == ["point", "time", "value", "text", "quality"] and str(table.schema.field("value").type) == "double"
    got = {}
    for row in table.to_pylist():
        got.setdefault(row["point"], {})[int(row["time"].timestamp())] = row["value"]
    assert got == want and table["text"].null_count == table["quality"].null_count == table.num_rows
    name = min(want)
    done = run(p, "store", "export", str(work / "some.csv"), name, "--from", "2026-01-02T00:00:00Z", "--to", "2026-01-03T00:00:00Z")
    assert done.returncode == 0, done.stderr
    rows = (work / "some.csv").read_text().splitlines()
    assert rows[0] == "time,point,value,quality"
    assert len(rows) - 1 == sum(START + 86400 <= t < START + 2 * 86400 for t in want[name]) == int(done.stdout.split()[0]) > 0
    assert run(p, "store", "export", str(work / "none.csv"), "nowhere").returncode == 66 and not (work / "none.csv").exists()
    assert p.call("POST", f"{BASE}/history/export", {"from": "now", "to": "now-1h"})[0] == 422


def test_a_backup_takes_them_along_and_is_whole_without_the_folder(work, want):
    made = subprocess.run([tenon.PROGRAM, "backup", str(work / "all.tar"), "--data", str(work / "data")], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    again = work / "again"
    done = subprocess.run([tenon.PROGRAM, "restore", str(work / "all.tar"), "--data", str(again)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    p = opened(tenon.Platform(str(again)))
    assert history(p, want) == want and len(lying(again)) == 4
    assert p.close() == 0


def test_without_the_folder_all_else_is_served_and_what_needs_it_refused(work, want):
    cold = work / "cold"
    cold.rename(work / "unplugged")
    p = platform(work, folder=cold, age="30d")
    s = stats(p)
    assert folder(s, "second")["reachable"] is False and any(n["level"] == "error" for n in s["notes"]), s["notes"]
    status, _, body = p.call("POST", f"{BASE}/query", {"points": [next(iter(want))], "from": "2026-01-01T00:00:00Z", "to": "2026-01-06T00:00:00Z"})
    assert status == 503 and body["type"].endswith("unavailable") and str(cold) in body["detail"], body
    now = {}
    status, _, body = p.call("POST", f"{BASE}/write", "fresh,n=1 temp=7\n", headers={"Content-Type": "text/plain"})
    assert status == 204, body
    status, _, body = p.call("POST", f"{BASE}/query", {"points": ["fresh,n=1/temp"], "from": "now-1h", "to": "now+1m"})
    assert status == 200, (body, now)
    checked = run(p, "store", "check")
    assert checked.returncode == 65 and "unreachable" in checked.stdout, checked.stdout + checked.stderr
    backup = subprocess.run([tenon.PROGRAM, "backup", str(work / "part.tar"), "--data", str(work / "data")], capture_output=True, text=True)
    assert backup.returncode == 69 and not (work / "part.tar").exists(), backup.stderr
    doctor = run(p, "doctor", "--data", str(work / "data"), "--config", str(work / "tenon.conf"))
    assert str(cold) in doctor.stdout and "mount its disk" in doctor.stdout, doctor.stdout + doctor.stderr
    assert not cold.exists()
    (work / "unplugged").rename(cold)
    tenon.wait_for(lambda: folder(stats(p), "second")["reachable"], 30, "the folder to be seen again")
    assert history(p, want) == want
    assert p.close() == 0


def test_a_folder_with_files_cannot_be_left_out_and_comes_back_with_age_0(work, want):
    refused = subprocess.run([tenon.PROGRAM, "serve", "--data", str(work / "data"), "--listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=60)
    assert refused.returncode == 78 and "store.folder" in refused.stderr, refused.stderr
    p = platform(work, folder=work / "cold", age="0s")
    tenon.wait_for(lambda: folder(stats(p), "second")["files"] == 0, 40, "all files to come back")
    tenon.wait_for(lambda: not lying(work / "cold"), 20, "the copies to go")
    assert history(p, want) == want and p.close() == 0
    p = opened(tenon.Platform(str(work / "data")))
    assert history(p, want) == want and p.close() == 0


def test_a_damaged_file_is_named_by_the_check_and_mended_by_the_repair(work, want):
    p = opened(tenon.Platform(str(work / "data")))
    assert run(p, "store", "compact").returncode == 0
    whole = run(p, "store", "check", "--output", "json")
    assert whole.returncode == 0 and json.loads(whole.stdout)["faults"] == 0, whole.stdout + whole.stderr
    bad = max((f for f in lying(p.data) if "/2026/01/" in str(f)), key=lambda f: f.stat().st_size)
    with open(bad, "r+b") as f:
        f.seek(bad.stat().st_size // 3)
        byte = f.read(1)[0]
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([byte ^ 16]))
    checked = run(p, "store", "check", "--output", "json")
    found = json.loads(checked.stdout)
    page = next(f for f in found["list"] if f["kind"] == "page")
    assert checked.returncode == 65 and str(bad).endswith(page["file"]) and 0 < page["samples"] == found["lost"] and page["points"] > 0, found
    assert all(path in want or path.startswith("fresh") for path in page["first"]), page
    here = run(p, "store", "check", "--data", p.data)
    assert here.returncode == 65 and page["file"] in here.stdout and page["first"][0] in here.stdout, here.stdout
    locked = run(p, "store", "repair", "--data", p.data)
    assert locked.returncode != 0 and "use" in locked.stderr, locked.stderr
    assert p.close() == 0
    mended = subprocess.run([tenon.PROGRAM, "store", "repair", "--data", p.data], capture_output=True, text=True, env={**os.environ, "TENON_LANG": "en"})
    assert mended.returncode == 0 and "written anew" in mended.stdout and not bad.exists(), mended.stdout + mended.stderr
    aside = next(pathlib.Path(p.data).glob("aside/*/tenants/1/ts/*/*/*/" + bad.name))
    assert aside.exists() and next(pathlib.Path(p.data).glob("aside/*/REPORT")).read_text().count("rewritten") == 1
    p = opened(tenon.Platform(p.data))
    left = history(p, want)
    assert sum(map(len, left.values())) == sum(map(len, want.values())) - found["lost"]
    assert all(want[name][t] == v for name, values in left.items() for t, v in values.items())
    assert run(p, "store", "check").returncode == 0 and p.close() == 0
