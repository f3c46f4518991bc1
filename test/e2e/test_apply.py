"""All records of a plant as files, and files made true: the same on an empty platform, differences by field, all or nothing."""
import json
import os
import subprocess

import pytest

import tenon


def run(platform, *args, lang="en", token=None):
    env = {**os.environ, "TENON_SERVER": platform.url, "TENON_TOKEN": token or platform.token, "TENON_LANG": lang}
    return subprocess.run([tenon.PROGRAM, *args], capture_output=True, text=True, timeout=60, env=env)


@pytest.fixture(scope="module")
def plant(tmp_path_factory):
    """A platform with a plant, and its files."""
    d = tmp_path_factory.mktemp("apply")
    p = tenon.Platform(str(d / "data"))
    p.token = p.sign_in()
    site = p.make("places", code="north", name="北厂", level="site")
    line = p.make("places", code="line 1", name="一线", level="line", parent=site["id"])
    link = p.make("connections", code="bus", driver="modbus-tcp", enabled=False, config={"host": "192.0.2.1"})
    device = p.make("devices", code="plc", connection=link["id"], place=line["id"], config={"unit": 3})
    group = p.make("groups", code="slow", device=device["id"], period_ms=5000)
    heat = p.make("labels", code="heat", keep_days=90)
    for i in range(5):
        p.make("points", labels=[heat["id"]] if i % 2 else [], code=f"T{i}", name=f"温度 {i}", group=group["id"], address=f"4000{i + 1}", type="i16", unit="℃", scale=0.1, eng_min=None)
    # The site is younger than its line in the file's order when it is made anew: the line is moved below it.
    outer = p.make("places", code="firm", name="集团", level="enterprise")
    assert p.call("PATCH", f"/api/v1/places/{site['id']}", {"parent": outer["id"]})[0] == 200
    done = run(p, "export", str(d / "files"))
    assert done.returncode == 0, done.stderr
    yield p, d / "files", d
    assert p.stop() == 0


@pytest.fixture
def empty(tmp_path):
    p = tenon.Platform(str(tmp_path / "empty"))
    p.token = p.sign_in()
    yield p
    assert p.stop() == 0


def test_an_empty_platform_becomes_the_same_plant(plant, empty, tmp_path):
    p, files, _ = plant
    assert sorted(f.name for f in files.iterdir()) == [f"{n}.json" for n in ("connections", "devices", "groups", "labels", "places", "points", "trends")]
    dry = run(empty, "apply", str(files), "--dry-run")
    assert dry.returncode == 0 and "would be: 12 created" in dry.stdout, dry.stdout + dry.stderr
    assert empty.call("GET", "/api/v1/points")[2]["items"] == []
    done = run(empty, "apply", str(files))
    assert done.returncode == 0 and done.stdout.splitlines()[-1].startswith("12 created, 0 changed"), done.stdout + done.stderr
    assert run(empty, "export", str(tmp_path / "again")).returncode == 0
    for f in files.iterdir():
        assert (tmp_path / "again" / f.name).read_bytes() == f.read_bytes()        # ids kept, order kept
    ident = p.call("GET", "/api/v1/points?code=T3")[2]["items"][0]
    other = empty.call("GET", f"/api/v1/points/{ident['id']}")[2]
    assert other["path"] == ident["path"] == "firm/north/line 1/plc/T3" or other["path"] == ident["path"]
    again = run(empty, "apply", str(files))
    assert again.stdout == "0 created, 0 changed, 0 deleted, 0 not in the files, 12 as they were\n"
    assert run(empty, "audit", "verify", "--data", empty.data).returncode == 0


def test_what_differs_is_told_by_field_and_deleted_only_when_asked(plant, empty, tmp_path):
    _, files, _ = plant
    assert run(empty, "apply", str(files)).returncode == 0
    mine = tmp_path / "mine"
    mine.mkdir()
    points = json.loads((files / "points.json").read_text())
    points[0]["unit"], points[1]["scale"] = "K", 0.5
    gone = points.pop()
    (mine / "points.json").write_text(json.dumps(points))          # nothing is said of places, devices, groups
    done = run(empty, "apply", str(mine), "--dry-run")
    assert '    unit: "℃" -> "K"\n' in done.stdout and "    scale: 0.1 -> 0.5\n" in done.stdout
    assert done.stdout.endswith("would be: 0 created, 2 changed, 0 deleted, 1 not in the files, 2 as they were\n")
    assert run(empty, "apply", str(mine)).returncode == 0
    assert empty.call("GET", f"/api/v1/points/{gone['id']}")[0] == 200
    done = run(empty, "apply", str(mine), "--delete", lang="zh")
    assert done.stdout.endswith("新建 0，更改 0，删除 1，文件中没有的 0，未变 4\n"), done.stdout
    assert empty.call("GET", f"/api/v1/points/{gone['id']}")[0] == 404
    assert empty.call("GET", f"/api/v1/points/{points[0]['id']}")[2]["unit"] == "K"
    assert len(empty.call("GET", "/api/v1/places")[2]["items"]) == 3


@pytest.mark.parametrize("file,change,code,en,zh", [
    ("groups.json", lambda t: t.replace('"period_ms": 5000', '"period_ms": 1'), 65, "groups.json, line 2: period_ms must be", "groups.json 第 2 行：period_ms"),
    ("points.json", lambda t: t.replace('"code": "T2"', '"code": "T1"'), 65, "points.json, line ", "points.json 第 "),
    ("points.json", lambda t: t.replace('"unit": "℃"', '"unti": "℃"', 1), 65, "there is no field unti; the nearest is unit", "最接近的是 unit"),
    ("devices.json", lambda t: t.replace('"code": "plc"', '"code": "plc'), 65, "devices.json cannot be read at line", "devices.json 第"),
    ("places.json", lambda t: t.replace("[", "[\n\t{},", 1), 65, "places.json, line 2: id is missing", "places.json 第 2 行：缺少 id"),
    ("point.json", lambda t: "[]", 65, "the nearest is points", "最接近的是 points")])
def test_a_mistake_names_file_and_line_and_nothing_is_done(plant, empty, tmp_path, file, change, code, en, zh):
    _, files, _ = plant
    bad = tmp_path / "bad"
    bad.mkdir()
    for f in files.iterdir():
        (bad / f.name).write_text(f.read_text())
    (bad / file).write_text(change((files / file).read_text() if (files / file).exists() else ""))
    for lang, want in (("en", en), ("zh", zh)):
        done = run(empty, "apply", str(bad), lang=lang)
        assert done.returncode == code and want in done.stderr, (done.returncode, done.stderr)
    for noun in ("places", "connections", "devices", "groups", "points"):
        assert empty.call("GET", f"/api/v1/{noun}")[2]["items"] == []


def test_who_may_not_write_applies_nothing_and_who_may_not_read_exports_nothing(plant, tmp_path):
    p, files, _ = plant
    viewer = p.sign_in(role="viewer", name="viewer")
    assert run(p, "apply", str(files), token=viewer).returncode == 77
    status, _, body = p.call("POST", "/api/v1/apply", {"points": []}, viewer)
    assert status == 403, body
    assert run(p, "apply", str(tmp_path / "no")).returncode == 66
