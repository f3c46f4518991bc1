"""Samples deleted, erased with proof, corrected. What proves it: pyarrow reads every Parquet file, and every byte of every file is searched."""
import io
import json
import os
import pathlib
import random
import signal
import struct
import subprocess
import tarfile
import time

import pytest

import tenon

pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")

BASE = "/api/v1"
START = 1767225600                                                  # 2026-01-01
EDITED, ADDED = 0x00DC0000, 0x00A20000                              # OPC UA StatusCodes Good_Edited, Good_EntryInserted
ROUNDS = 12 if os.environ.get("TENON_TEST_ALL") else 1


def run(p, *args):
    return subprocess.run([tenon.PROGRAM, *args], capture_output=True, text=True, timeout=120,
                          env={**os.environ, "TENON_LANG": "en", "TENON_SERVER": p.url, "TENON_TOKEN": p.token})


def write(p, lines):
    status, _, body = p.call("POST", f"{BASE}/write?precision=s", "".join(lines), headers={"Content-Type": "text/plain"})
    assert status == 204, body


def post(p, path, body, want=200):
    status, _, answer = p.call("POST", f"{BASE}{path}", body)
    assert status == want, answer
    return answer


def ended(p, job):
    def look():
        _, _, j = p.call("GET", f"{BASE}/jobs/{job}")
        return j if j.get("state") in ("done", "failed", "cancelled", "interrupted") else None
    return tenon.wait_for(look, 120, "the job")


def samples(p, path):
    s = p.query([path], "2025-12-01T00:00:00Z", "2026-03-01T00:00:00Z").get(path)
    return {} if s is None else {t // 1000000: (v, q) for t, v, q in zip(s["t"], s["v"], s.get("q") or [0] * len(s["t"]))}


def values(p, path):
    return {t: v for t, (v, _) in samples(p, path).items()}


def when(t):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t))


@pytest.fixture(scope="module")
def p(tmp_path_factory):
    p = tenon.Platform(str(tmp_path_factory.mktemp("removal") / "data"))
    p.token = p.sign_in()
    yield p
    assert p.close() == 0, "".join(p.errors[-20:])


# --- Deleting


def test_deleted_samples_are_in_no_answer_and_may_be_written_again(p):
    write(p, [f"kiln temp={t / 2},load={t}i {START + t}\n" for t in range(100)])
    request = {"points": ["kiln/temp"], "from": when(START + 20), "to": when(START + 30), "reason": "a wire came off"}
    counted = post(p, "/history/delete?dry_run=true", request)
    assert counted["samples"] == 10 and len(values(p, "kiln/temp")) == 100
    done = post(p, "/history/delete", request)
    assert done["samples"] == 10 and done["state"] == "done" and done["kind"] == "deleted" and done["points"] == ["kiln/temp"]
    want = {START + t: t / 2 for t in range(100) if not 20 <= t < 30}
    assert values(p, "kiln/temp") == want and len(values(p, "kiln/load")) == 100
    # The same time again: it is a new sample.
    write(p, [f"kiln temp=77 {START + 25}\n"])
    assert values(p, "kiln/temp") == {**want, START + 25: 77}
    # All of it, by path; the live value goes, too.
    assert p.call("GET", f"{BASE}/values?path=kiln")[2]["counts"]["good"] == 2
    done = run(p, "history", "delete", "--under", "kiln", "--reason", "the kiln was sold", "--yes", "--output", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["samples"] == 91 + 100
    assert values(p, "kiln/temp") == {} and values(p, "kiln/load") == {}
    tenon.wait_for(lambda: p.call("GET", f"{BASE}/values?path=kiln")[2]["counts"]["good"] == 0, 20, "live values to go")
    listed = p.call("GET", f"{BASE}/removals")[2]["items"]
    assert [(r.get("under"), r["n_points"], r["reason"], r["name"]) for r in listed][0] == ("kiln", 2, "the kiln was sold", "test")


def test_a_delete_needs_a_reason_a_point_and_the_right(p):
    write(p, [f"pump flow=1 {START}\n"])
    assert p.call("POST", f"{BASE}/history/delete", {"points": ["pump/flow"]})[0] == 422
    assert p.call("POST", f"{BASE}/history/delete", {"reason": "no point"})[0] == 422
    assert p.call("POST", f"{BASE}/history/delete", {"points": ["pump/none"], "reason": "x"})[0] == 404
    assert p.call("POST", f"{BASE}/history/delete", {"points": ["pump/flow"], "from": "now", "to": "now-1h", "reason": "x"})[0] == 422
    viewer = p.sign_in("viewer", "looker")
    for path, body in [("history/delete", {"points": ["pump/flow"], "reason": "x"}), ("history/erase", {"points": ["pump/flow"], "reason": "x"}),
                       ("corrections", {"corrections": [{"point": "pump/flow", "time": when(START), "value": 2}], "reason": "x"})]:
        assert p.call("POST", f"{BASE}/{path}", body, token=viewer)[0] == 403, path
    assert values(p, "pump/flow") == {START: 1}
    refusals = p.call("GET", f"{BASE}/audit?outcome=denied&limit=1000")[2]["items"]
    assert {"history.delete", "history.erase", "history.correct"} <= {e["deed"] for e in refusals}


# --- Correcting


def test_a_correction_says_what_it_is_and_is_undone_to_the_bit(p):
    real = struct.unpack("<d", struct.pack("<Q", 0x3FD5555555555551))[0]
    write(p, [f"scale weight={real!r},state=\"run\" {START + t}\n" for t in range(5)])
    made = post(p, "/corrections", {"reason": "calibration of March", "corrections": [
        {"point": "scale/weight", "time": when(START + 1), "value": 5}, {"point": "scale/state", "time": when(START + 2), "value": "stop"},
        {"point": "scale/weight", "time": when(START + 60), "value": 6.5}]})["items"]
    assert [(m["kind"], m.get("before"), m["value"], m["state"]) for m in made] == [("corrected", real, 5, "standing"), ("corrected", "run", "stop", "standing"),
                                                                             ("inserted", None, 6.5, "standing")]
    got = samples(p, "scale/weight")
    assert got[START + 1] == (5, EDITED) and got[START + 60] == (6.5, ADDED) and got[START] == (real, 0)
    assert samples(p, "scale/state")[START + 2] == ("stop", EDITED)
    point = made[0]["point"]
    assert len(p.call("GET", f"{BASE}/corrections?point={point}")[2]["items"]) == 2
    # One upon the other: the later one must go first.
    again = post(p, "/corrections", {"reason": "once more", "corrections": [{"point": point, "time": when(START + 1), "value": 7}]})["items"][0]
    assert again["before"] == 5 and again["before_quality"] == EDITED
    assert p.call("POST", f"{BASE}/corrections/{made[0]['id']}/undo", {"reason": "x"})[0] == 409
    for one in (again, *made):
        back = post(p, f"/corrections/{one['id']}/undo", {"reason": "it was right"})
        assert back["state"] == "undone" and back["undone_by"] == "test"
    assert samples(p, "scale/weight") == {START + t: (real, 0) for t in range(5)}
    assert samples(p, "scale/state")[START + 2] == ("run", 0)
    assert p.call("POST", f"{BASE}/corrections/{again['id']}/undo", {"reason": "x"})[0] == 409
    # From the command line, many at once; one that is wrong and none is made.
    path = pathlib.Path(p.data) / "list.csv"
    path.write_text(f"point,time,value\nscale/weight,{when(START)},1\nscale/weight,{when(START + 3)},2\n", encoding="utf-8")
    done = run(p, "history", "correct", "--file", str(path), "--reason", "from the shift book")
    path.unlink()
    assert done.returncode == 0, done.stderr
    assert values(p, "scale/weight") == {START: 1, START + 1: real, START + 2: real, START + 3: 2, START + 4: real}
    status, _, body = p.call("POST", f"{BASE}/corrections", {"reason": "x", "corrections": [
        {"point": "scale/weight", "time": when(START + 4), "value": 9}, {"point": "scale/weight", "time": when(START + 4), "value": "much"}]})
    assert status == 422 and body["errors"][0]["pointer"] == "/corrections/1/value", body
    assert values(p, "scale/weight")[START + 4] == real


class Book:
    """What was written, corrected and undone, the naive way: a dictionary a point, and who wrote last at a time counts."""
    VALUES = {"weight": lambda r: r.choice([r.randint(-9, 9) / 8, struct.unpack("<d", struct.pack("<Q", 0x3FD5555555555551 + r.randint(0, 99)))[0]]),
              "count": lambda r: r.choice([0, -1, 2**53, r.randint(-1000, 1000)]), "state": lambda r: r.choice(["run", "stop", "", "检修"]),
              "open": lambda r: r.random() < 0.5}

    def __init__(self, p, seed):
        self.p, self.r, self.of, self.made = p, random.Random(seed), {k: {} for k in self.VALUES}, []

    def value(self, k):
        return self.VALUES[k](self.r)

    def write(self):
        lines = []
        for _ in range(self.r.randint(1, 30)):
            t, k = START + self.r.randint(0, 300) * self.r.choice([1, 1, 600]), self.r.choice(list(self.of))
            v = self.value(k)
            lines.append(f"book {k}={json.dumps(v, ensure_ascii=False)}{'i' if k == 'count' else ''} {t}\n")
            self.of[k][t] = (v, 0)
        write(self.p, lines)

    def correct(self):
        asked = {}
        for _ in range(self.r.randint(1, 5)):
            k = self.r.choice(list(self.of))
            t = self.r.choice(sorted(self.of[k])) if self.of[k] and self.r.random() < 0.7 else START + self.r.randint(0, 300)
            asked[k, t] = self.value(k)
        made = post(self.p, "/corrections", {"reason": "at random", "corrections": [
            {"point": f"book/{k}", "time": when(t), "value": v} for (k, t), v in asked.items()]})["items"]
        for m, ((k, t), v) in zip(made, asked.items()):
            before = self.of[k].get(t)
            assert (m["kind"], m.get("before"), m.get("before_quality", 0)) == (("corrected", *before) if before else ("inserted", None, 0)), m
            self.of[k][t] = (v, EDITED if before else ADDED)
            self.made.append((m["id"], k, t, before))

    def undo(self):
        if not self.made:
            return
        one = self.r.choice(self.made)
        at, (_, k, t, before) = self.made.index(one), one
        # Of one request all have the same instant, but not the same sample.
        last = all(m[1:3] != (k, t) for m in self.made[at + 1:])
        status, _, body = self.p.call("POST", f"{BASE}/corrections/{one[0]}/undo", {"reason": "at random"})
        assert status == (200 if last else 409), body
        if last:
            self.made.remove(one)
            self.of[k].pop(t, None)
            if before:
                self.of[k][t] = before

    def delete(self):
        k, a = self.r.choice(list(self.of)), START + self.r.randint(0, 300)
        b = a + self.r.randint(1, 40)
        gone = [t for t in self.of[k] if a <= t < b]
        done = post(self.p, "/history/delete", {"points": [f"book/{k}"], "from": when(a), "to": when(b), "reason": "at random"})
        assert done["samples"] == len(gone)
        for t in gone:
            del self.of[k][t]

    def compact(self):
        assert ended(self.p, post(self.p, "/history/compact", None, 202)["id"])["state"] == "done"

    def check(self):
        for k, want in self.of.items():
            assert samples(self.p, f"book/{k}") == want, k


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_corrections_at_random_among_writes_deletes_and_restarts_leave_what_a_dictionary_has(tmp_path, seed):
    p = tenon.Platform(str(tmp_path / "data"))
    p.token = p.sign_in()
    book = Book(p, seed)
    write(p, [f"book weight=1,count=1i,state=\"run\",open=true {START}\n"])
    book.of = {"weight": {START: (1, 0)}, "count": {START: (1, 0)}, "state": {START: ("run", 0)}, "open": {START: (True, 0)}}
    for step in range(80):
        book.r.choice([book.write, book.write, book.correct, book.correct, book.correct, book.undo, book.undo, book.undo, book.delete])()
        if step % 16 == 15:
            book.compact()
        if step % 40 == 20:
            book.check()
            p.stop(signal.SIGKILL if book.r.random() < 0.5 else signal.SIGTERM)
            p.token, token = None, p.token
            p = book.p = tenon.Platform(p.data)
            p.token = token
        if step % 5 == 4:
            book.check()
    assert p.close() == 0, "".join(p.errors[-20:])


# --- Erasing

TEXT = "the-recipe-that-nobody-may-know-"
REAL = struct.unpack("<d", struct.pack("<Q", 0x3FF3C0CA428C59FB))[0]            # no short decimal: its bits are kept
WHOLE = 0x1122334455667788
NEEDLES = [TEXT.encode(), struct.pack("<d", REAL), struct.pack("<q", WHOLE)]
SECRET = ["vault/recipe", "vault/ratio", "vault/key", "vault/dose"]


def vault(times, dose):
    return [f'vault recipe="{TEXT}{t}",ratio={REAL!r},key={WHOLE}i,dose={dose + t / 100} {START + t}\nopen level={t / 4},name="n{t}" {START + t}\n' for t in times]


def series_of(data, paths):
    table = pq.read_table(pathlib.Path(data) / "tenants/1/series.parquet").to_pylist()
    return {row["series"] for row in table if row.get("path") in paths}


def search(name, data, series, found):
    """What of the secret a file holds: needles in its bytes, rows of its series."""
    for needle in NEEDLES:
        if needle in data:
            found.append((name, needle[:12]))
    if name.endswith(".parquet") and not name.endswith("series.parquet"):
        table = pq.read_table(io.BytesIO(data))
        rows = sum(1 for s in table.column("series").to_pylist() if s in series)
        if rows:
            found.append((name, f"{rows} rows"))
        for column in table.column_names:
            for v in table.column(column).to_pylist():
                if v in (WHOLE, REAL) or (isinstance(v, bytes) and TEXT.encode() in v):
                    found.append((name, column))
                    break
    if name.endswith(".tar"):
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar:
                if member.isfile():
                    search(f"{name}:{member.name}", tar.extractfile(member).read(), series, found)


def everywhere(data, series):
    found = []
    for path in sorted(pathlib.Path(data).rglob("*")):
        if path.is_file() and not path.is_symlink():
            try:
                search(str(path.relative_to(data)), path.read_bytes(), series, found)
            except FileNotFoundError:
                pass
    return found


def kinds(found):
    return {("backup" if n.startswith("backups/") else "log" if n.startswith("wal/") else "history" if "/ts/" in n else "job" if "/jobs/" in n else n) for n, _ in found}


def filled(p, days=2):
    """Files of several levels, a backup, late samples, an export, a correction, and some that are in the log alone."""
    for day in range(days):
        write(p, vault(range(day * 86400, day * 86400 + 60), 3))
    ended(p, post(p, "/history/compact", None, 202)["id"])
    backup = ended(p, post(p, "/backups", {}, 202)["id"])["result"]["backup"]
    write(p, vault(range(30, 90), 4))                                       # late, and some of them again
    ended(p, post(p, "/history/compact", None, 202)["id"])
    write(p, vault(range(86400 + 100, 86400 + 130), 5))
    export = post(p, "/query/export", {"points": SECRET, "from": when(START), "to": when(START + 10)}, 202)["id"]
    assert ended(p, export)["state"] == "done"
    assert ended(p, post(p, "/history/export", {"points": SECRET, "format": "csv"}, 202)["id"])["state"] == "done"
    wrong = {"reason": "wrong recipe", "corrections": [
        {"point": "vault/dose", "time": when(START + 3), "value": 41.5}, {"point": "vault/recipe", "time": when(START + 4), "value": TEXT + "corrected"}]}
    assert p.call("POST", f"{BASE}/corrections", wrong, headers={"Idempotency-Key": "once"})[0] == 200         # its answer is kept for a day
    return backup


def test_an_erased_point_is_nowhere_and_the_others_are_as_they_were(tmp_path):
    rng = random.Random(7)
    for turn in range(ROUNDS):
        erase(str(tmp_path / f"data{turn}"), rng.random() if turn else None)


def erase(data, kill):
    p = tenon.Platform(data)
    p.token = token = p.sign_in()
    backup = filled(p)
    others = {path: samples(p, path) for path in ("open/level", "open/name")}
    assert all(len(v) == 180 for v in others.values()) and len(values(p, "vault/recipe")) == 180
    series = series_of(data, SECRET)
    assert len(series) == 4
    assert {"log", "history", "backup", "job"} <= kinds(everywhere(data, series)), "the search finds what is there"
    # Named and left first, then deleted, too.
    job = post(p, "/history/erase", {"points": ["vault/key"], "reason": "first the key"}, 202)["id"]
    first = ended(p, job)
    assert first["state"] == "done" and first["result"]["backups_left"] == [backup] and first["result"]["samples"] == 180, first
    post(p, "/history/erase", {"points": SECRET, "reason": "they left", "backups": True}, 202)
    if kill is not None:
        time.sleep(kill)                                                    # an instant like any other
    p.stop(signal.SIGKILL)
    p = tenon.Platform(data)
    p.token = token

    def done():
        item = p.call("GET", f"{BASE}/removals")[2]["items"][0]
        return item if item["state"] != "under_way" else None
    removal = tenon.wait_for(done, 120, "the erasure to go on")
    report = removal["report"]
    assert removal["state"] == "done" and removal["reason"] == "they left" and removal["name"] == "test", removal
    assert report["files_unreadable"] == 0 and report["log_gone"] is True and report["aside_left"] is False and report["backups_left"] == []
    assert {path: samples(p, path) for path in others} == others
    assert all(values(p, path) == {} for path in SECRET)
    assert everywhere(data, series) == []
    # What comes afterwards is kept.
    write(p, [f"vault dose=1.5 {START + 5}\n"])
    assert values(p, "vault/dose") == {START + 5: 1.5}
    assert p.close() == 0, "".join(p.errors[-20:])
    assert everywhere(data, series_of(data, ["vault/recipe", "vault/ratio", "vault/key"])) == []


def test_backups_are_for_who_may_delete_them(p):
    p.make("roles", name="eraser", permissions=["history.erase", "sample.read", "point.read"])
    token = p.sign_in("eraser", "eraser")
    write(p, [f"tank level=1 {START}\n"])
    assert p.call("POST", f"{BASE}/history/erase", {"points": ["tank/level"], "reason": "x", "backups": True}, token=token)[0] == 403
    assert values(p, "tank/level") == {START: 1}
    status, _, job = p.call("POST", f"{BASE}/history/erase", {"points": ["tank/level"], "reason": "x"}, token=token)
    assert status == 202 and ended(p, job["id"])["state"] == "done"
    assert values(p, "tank/level") == {}


def test_a_point_that_is_gone_is_erased_by_its_id_and_a_place_bounds_who_may_delete(p):
    write(p, [f"hall temp=1,load=2 {START}\n"])
    _, _, found = p.call("GET", f"{BASE}/points?path=hall/temp")
    point = found["items"][0]
    assert p.call("DELETE", f"{BASE}/points/{point['id']}")[0] in (200, 204)
    assert p.call("POST", f"{BASE}/history/delete", {"points": [point["id"]], "reason": "x"})[0] == 404
    done = ended(p, post(p, "/history/erase", {"points": [point["id"]], "reason": "the point is gone"}, 202)["id"])
    assert done["state"] == "done" and done["result"]["samples"] == 1 and done["result"]["log_gone"] is True
    # In a place: what lies elsewhere may be read and not deleted.
    place = p.make("places", code="north")
    p.make("roles", name="tidy", permissions=["history.delete"])
    p.make("roles", name="reads", permissions=["point.read", "sample.read"])
    token = p.sign_in("reads", "tidy-here")
    holder = next(t for t in p.call("GET", f"{BASE}/tokens")[2]["items"] if t["name"] == "tidy-here")
    role = next(r for r in p.call("GET", f"{BASE}/roles?limit=100")[2]["items"] if r["name"] == "tidy")
    p.make("grants", token=holder["id"], role=role["id"], place=place["id"])
    device = p.call("GET", f"{BASE}/devices?code=hall")[2]["items"][0]
    body = {"points": ["hall/load"], "reason": "not mine"}
    assert p.call("POST", f"{BASE}/history/delete", body, token=token)[0] == 403
    assert p.call("PATCH", f"{BASE}/devices/{device['id']}", {"place": place["id"]}, headers={"Content-Type": "application/merge-patch+json"})[0] == 200
    path = p.call("GET", f"{BASE}/points?code=load")[2]["items"]
    there = next(x["path"] for x in path if x["device"] == device["id"])
    status, _, answer = p.call("POST", f"{BASE}/history/delete", {**body, "points": [there]}, token=token)
    assert (status, answer.get("samples")) == (200, 1), answer
