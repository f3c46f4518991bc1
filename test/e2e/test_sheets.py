"""Lists of points as people keep them: saved by a Chinese spreadsheet, with a few mistakes, tried, mended, taken back.

Peers: Python's codecs write the encodings, openpyxl (not ours) writes and reads the workbooks.
"""
import codecs
import io
import json
import os
import subprocess
import urllib.parse

import pytest

import tenon

HEAD = "1 号泵站点表,,,,,,,\n序号,位号,点名称,采集组,寄存器地址,类型,单位,读写\n"
WRONG = {       # row of the list: what is wrong in it
    40: ("寄存器地址", "4x1"), 80: ("类型", "FLAOT"), 120: ("位号", "P-0001"), 160: ("采集组", "慢"), 200: ("读写", "读谢"),
}


def row(i, **change):
    cells = {"序号": i, "位号": f"P-{i:04}", "点名称": f"{i} 号测点", "采集组": "快", "寄存器地址": f"HR{2 * i}", "类型": "REAL",
             "单位": "℃", "读写": "只读", **change}
    return [str(c) for c in cells.values()]


def rows(n=300, wrong=True):
    for i in range(1, n + 1):
        name, value = WRONG.get(i, (None, None))
        yield row(i, **{name: "zzz" if name == "寄存器地址" else value}) if wrong and name else row(i)


def table(*args, **kw):
    return HEAD + "".join(",".join(r) + "\n" for r in rows(*args, **kw))


@pytest.fixture(scope="module")
def p(platform):
    platform.token = platform.sign_in()
    connection = platform.make("connections", code="line", driver="modbus-tcp", config={"host": "127.0.0.1"}, enabled=False)
    platform.device = platform.make("devices", code="泵站", connection=connection["id"])
    platform.group = platform.make("groups", code="快", device=platform.device["id"])
    return platform


def load(p, body, kind="text/csv", noun="points", **params):
    query = urllib.parse.urlencode({k.replace("__", "."): v for k, v in params.items()})
    return p.call("POST", f"/api/v1/{noun}/import?{query}", body, headers={"Content-Type": kind, "Accept-Language": "zh"})


def count(p, noun="points"):
    return p.call("GET", f"/api/v1/{noun}?count=true&limit=1")[2]["count"]


def undo(p, report, **params):
    return p.call("POST", f"/api/v1/imports/{report['import']}/undo?" + "&".join(f"{k}={v}" for k, v in params.items()))


def test_a_list_saved_by_chinese_excel_is_tried_and_every_wrong_row_is_named(p):
    before = count(p)
    status, _, said = load(p, table().encode("gbk"), dry_run="true", set__device=p.device["id"])
    assert status == 422 and said["encoding"] == "GB18030", said
    assert (said["rows"], said["failed"]) == (300, 5)
    assert [(e["line"], e["column"], e["code"]) for e in said["errors"]] == [
        (42, "寄存器地址", "invalid"), (82, "类型", "not_a_word"), (122, "位号", "twice_in_file"), (162, "采集组", "no_such_ref"),
        (202, "读写", "not_a_word")]
    assert "FLAOT" in said["errors"][1]["detail"] and "第 3 行" in said["errors"][2]["detail"], said["errors"]
    assert count(p) == before


@pytest.mark.parametrize("encode", [
    lambda t: t.encode("gb18030"), lambda t: t.encode(), lambda t: codecs.BOM_UTF8 + t.encode(),
    lambda t: codecs.BOM_UTF16_LE + t.replace(",", "\t").encode("utf-16-le"), lambda t: codecs.BOM_UTF16_BE + t.encode("utf-16-be"),
    lambda t: t.replace(",", ";").encode("gbk"), lambda t: t.replace("\n", "\r\n").encode("gbk"),
], ids=["gb18030", "utf-8", "utf-8 bom", "utf-16le tabs", "utf-16be", "gbk semicolons", "gbk crlf"])
def test_every_encoding_and_separator_gives_the_same_points(p, encode):
    status, _, said = load(p, encode(table(wrong=False)), dry_run="true", set__device=p.device["id"])
    assert status == 200 and (said["created"], said["failed"]) == (300, 0), said


def test_good_rows_alone_are_taken_when_that_is_wanted_and_undone_as_one_step(p):
    before = count(p)
    status, _, said = load(p, table().encode("gbk"), partial="true", set__device=p.device["id"], file="点表.csv")
    assert status == 200 and (said["created"], said["failed"]) == (295, 5), said
    assert count(p) == before + 295
    point = p.call("GET", "/api/v1/points?code=P-0007")[2]["items"][0]
    assert (point["name"], point["address"], point["type"], point["unit"], point["access"]) == ("7 号测点", "HR14", "f32", "℃", "r")
    listed = p.call("GET", "/api/v1/imports")[2]["items"][0]
    assert (listed["id"], listed["file"], listed["made"], listed["wrong"], listed["state"]) == (said["import"], "点表.csv", 295, 5, "done")
    status, _, tried = undo(p, said, dry_run="true")
    assert status == 200 and tried["deleted"] == 295 and count(p) == before + 295
    status, _, done = undo(p, said)
    assert status == 200 and (done["deleted"], done["kept"]) == (295, 0), done
    assert count(p) == before
    entry = p.call("GET", "/api/v1/audit?limit=1")[2]["items"][0]
    assert entry["deed"] == "point.undo_import" and entry["outcome"] == "ok"
    status, _, again = undo(p, said)
    assert status == 422 and "undone" in again["detail"], again


def test_undo_restores_what_was_changed_and_deleted_and_names_what_was_changed_since(p):
    load(p, table(20, wrong=False).encode(), set__device=p.device["id"])
    old = {i["code"]: i for i in p.call("GET", "/api/v1/points?limit=1000&sort=code")[2]["items"]}
    change = "device,code,name,address,delete\n" + "".join(f"泵站,P-{i:04},renamed {i},HR{500 + i},\n" for i in range(1, 7))
    change += "".join(f"泵站,P-{i:04},,HR1,是\n" for i in (10, 11)) + "泵站,NEW-1,,HR900,\n"
    status, _, said = load(p, change, set__group=p.group["id"])
    assert status == 200 and (said["updated"], said["deleted"], said["created"]) == (6, 2, 1), said["errors"]
    since = p.call("GET", "/api/v1/points?code=P-0003")[2]["items"][0]
    assert p.call("PATCH", f"/api/v1/points/{since['id']}", {"name": "by hand"})[0] == 200
    status, _, done = undo(p, said)
    assert status == 200 and (done["restored"], done["brought_back"], done["deleted"], done["kept"]) == (5, 2, 1, 1), done
    assert [(e["record"], e["code"]) for e in done["errors"]] == [("P-0003", "changed_since")]
    now = {i["code"]: i for i in p.call("GET", "/api/v1/points?limit=1000&sort=code")[2]["items"]}
    same = lambda r: {k: v for k, v in r.items() if k not in ("rev", "created", "created_by", "updated", "updated_by")}  # noqa: E731
    assert sorted(now) == sorted(old)
    for code, was in old.items():
        if code != "P-0003":
            assert same(now[code]) == same(was)         # the same ids, too: history hangs on them
    assert now["P-0003"]["name"] == "by hand"
    assert p.call("GET", "/api/v1/imports?limit=1")[2]["items"][0]["state"] == "partly_undone"


def test_what_others_refer_to_by_now_stays_when_the_import_is_undone(p):
    status, _, said = load(p, "code,name\nH1,hall 1\nH2,hall 2\n", noun="places")
    assert status == 200 and said["created"] == 2
    hall = p.call("GET", "/api/v1/places?code=H1")[2]["items"][0]
    p.make("places", code="inside", parent=hall["id"])
    status, _, done = undo(p, said)
    assert (done["deleted"], done["kept"]) == (1, 1) and done["errors"][0]["code"] == "in_use", done


def test_a_row_with_a_stale_revision_is_refused_when_that_is_asked_for(p):
    place = p.make("places", code="stale")
    p.call("PATCH", f"/api/v1/places/{place['id']}", {"name": "changed"})
    text = f"id,rev,name\n{place['id']},{place['rev']},mine\n"
    status, _, said = load(p, text, noun="places", match="true")
    assert status == 422 and said["errors"][0]["code"] == "precondition", said
    assert load(p, text, noun="places")[2]["updated"] == 1


def test_who_may_not_change_points_may_not_undo_an_import(p):
    status, _, said = load(p, "code,name\nU1,x\n", noun="places")
    viewer = p.sign_in("viewer", "only-looks")
    assert p.call("POST", f"/api/v1/imports/{said['import']}/undo", token=viewer)[0] == 403
    assert p.call("GET", "/api/v1/imports", token=viewer)[0] == 200
    assert undo(p, said)[0] == 200


def test_only_the_last_fifty_imports_are_kept(p):
    for i in range(52):
        assert load(p, f"code,name\nkeep,{i}\n", noun="places")[0] == 200
    assert len(p.call("GET", "/api/v1/imports?limit=1000")[2]["items"]) == 50


def test_a_list_of_kepware_is_read_as_it_is(p):
    text = ("Tag Name,Address,Data Type,Respect Data Type,Client Access,Scan Rate,Scaling,Raw Low,Raw High,Scaled Low,Scaled High,Scaled Data Type,"
            "Clamp Low,Clamp High,Eng Units,Description,Negate Value\n"
            '"K1","400001","Float",1,"R/W",100,"Linear",0,1000,0,10,"Double",0,0,"bar","pressure",0\n'
            '"K2","400003","Short",1,"RO",100,,,,,,,,,,"level",\n')
    status, _, said = load(p, text, set__group=p.group["id"])
    assert status == 200 and said["created"] == 2, said
    k1 = p.call("GET", "/api/v1/points?code=K1")[2]["items"][0]
    assert (k1["type"], k1["access"], k1["raw_max"], k1["eng_max"], k1["unit"], k1["description"]) == ("f32", "rw", 1000, 10, "bar", "pressure")
    assert undo(p, said)[2]["deleted"] == 2


def run(p, *args, lang="C"):
    done = subprocess.run([tenon.PROGRAM, *args, "--server", p.url, "--token", p.token], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "LC_ALL": lang})
    return done.returncode, done.stdout, done.stderr


def test_the_same_in_a_terminal(p, tmp_path):
    file = tmp_path / "点表.csv"
    file.write_bytes(table(30).replace("HR60", "zzz").encode("gbk"))
    before = count(p)
    code, out, err = run(p, "point", "import", str(file), "device=泵站", "--dry-run")
    assert code == 65 and "line 32" in err and "1/30" in err, (code, out, err)
    code, out, err = run(p, "point", "import", str(file), "device=泵站", "--partial", "--output", "json")
    said = json.loads(out)
    assert code == 0 and (said["created"] + said["unchanged"] + said["updated"], said["failed"]) == (29, 1), (out, err)
    code, out, err = run(p, "import", "list", lang="zh_CN.UTF-8")
    assert code == 0 and "点表.csv" in out
    code, out, err = run(p, "import", "undo", said["import"], "--output", "json")
    assert code == 0 and json.loads(out)["kept"] == 0 and count(p) == before
    assert run(p, "import", "undo", said["import"])[0] == 65
