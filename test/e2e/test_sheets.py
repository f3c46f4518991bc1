"""Lists of points as people keep them: saved by a Chinese spreadsheet, with a few mistakes, tried, mended, taken back.

Peers: Python's codecs write the encodings, openpyxl (not ours) writes and reads the workbooks.
"""
import codecs
import datetime
import io
import json
import os
import re
import subprocess
import urllib.parse
import zipfile

import openpyxl
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
    assert said["head"] == {"line": 2, "fields": ["", "code", "name", "group", "address", "type", "unit", "access"]}
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
    assert run(p, "place", "create", "code=terminal")[0] == 0
    for name in ("places.xlsx", "places.csv"):
        assert run(p, "place", "export", str(tmp_path / name))[0] == 0
        code, out, err = run(p, "place", "import", str(tmp_path / name), "--output", "json")
        assert code == 0 and json.loads(out)["unchanged"] == count(p, "places"), (name, out, err)
    assert run(p, "point", "template", str(tmp_path / "t.xlsx"), lang="zh_CN.UTF-8")[0] == 0
    assert "编码" in cells((tmp_path / "t.xlsx").read_bytes())[0]


XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def book(fill, **options):
    w = openpyxl.Workbook(**options)
    fill(w, w.active)
    out = io.BytesIO()
    w.save(out)
    return out.getvalue()


def points_book(n=300, wrong=True):
    def fill(w, s):
        s.title = "1 号泵站"
        for line in HEAD.splitlines():
            s.append([c or None for c in line.split(",")])
        for r in rows(n, wrong):
            s.append([int(r[0]), *r[1:]])
        hidden = w.create_sheet("计算", 0)
        hidden.sheet_state = "hidden"
        hidden["A1"] = "位号"
    return book(fill)


def test_a_workbook_is_read_like_its_csv(p):
    status, _, said = load(p, points_book(), XLSX, dry_run="true", set__device=p.device["id"])
    assert status == 422 and said["encoding"] == "XLSX" and said["sheet"]["name"] == "1 号泵站" and said["sheet"]["hidden"] == 1, said
    assert [(e["line"], e["column"]) for e in said["errors"]] == [(42, "寄存器地址"), (82, "类型"), (122, "位号"), (162, "采集组"), (202, "读写")]
    status, _, said = load(p, points_book(wrong=False), XLSX, set__device=p.device["id"])
    assert status == 200 and said["created"] + said["unchanged"] + said["updated"] == 300, said
    assert undo(p, said)[0] == 200


def test_what_stands_in_cells_arrives_as_it_stands_there(p):
    def fill(w, s):
        s.append(["编码", "名称", "描述", "上级位置"])
        s.append(["0042", "=1+1", "two, \"quoted\"", None])          # a text that looks like a number keeps its zero
        s.append([42, 1.1, datetime.date(2026, 1, 31), None])
        s.append([None])
        s.append(["true", True, datetime.datetime(2026, 1, 31, 8, 30), None])
        s.append(["merged", "for both", "x", None])
        s.append(["too", None, "y", None])
        s.append([0.1 + 0.2, 1e15, -5, None])
        s.append(["１", "　full width　", " ", None])
        s.merge_cells("B6:B7")
        s["B2"].data_type = "f"
        s.cell(12, 1, "last")
    status, _, said = load(p, book(fill), XLSX, "places")
    assert status == 200 and said["failed"] == 0, said["errors"]
    got = {i["code"]: (i.get("name"), i.get("description")) for i in p.call("GET", "/api/v1/places?limit=1000")[2]["items"]}
    assert got["0042"] == (None, 'two, "quoted"') or got["0042"] == ("", 'two, "quoted"'), got["0042"]      # never calculated: no stored value
    assert got["42"] == ("1.1", "2026-01-31") and got["true"] == ("true", "2026-01-31T08:30:00"), got
    assert got["merged"][0] == got["too"][0] == "for both"
    assert got.get("0.3", got.get("0.30000000000000004")) in [("1e+15", "-5"), ("1000000000000000", "-5")], got
    assert got["１"][0] == "full width" and "last" in got
    assert said["sheet"]["formulas"] == 0
    undo(p, said)


def test_lines_are_rows_of_the_sheet_whatever_stands_in_cells(p):
    def fill(w, s):
        for row in (["code", "description"], ["a", "two\nlines"], [], ["b", "good"], ["c/", "x"]):
            s.append(row)
    status, _, said = load(p, book(fill), XLSX, "places", dry_run="true")
    assert status == 422 and [(e["line"], e["column"]) for e in said["errors"]] == [(2, "description"), (5, "code")], said


def test_a_formulas_stored_value_counts_and_other_files_are_not_opened(p):
    raw = book(lambda w, s: [s.append(["code", "name"]), s.append(["f", "=A1"])])
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as z, zipfile.ZipFile(out, "w") as o:
        for n in z.namelist():
            text = z.read(n)
            if n.endswith("sheet1.xml"):
                text = re.sub(rb"<f>A1</f><v ?/>|<f>A1</f><v></v>", b"<f>'[1]x'!A1</f><v>stored</v>", text).replace(b'<c r="B2">', b'<c r="B2" t="str">')
                assert b"stored" in text
            if n.endswith("workbook.xml.rels"):
                text = text.replace(b"</Relationships>", b'<Relationship Id="rId99" Type="http://x/externalLink" TargetMode="External" '
                                                         b'Target="file:///etc/passwd"/></Relationships>')
            o.writestr(n, text)
    status, _, said = load(p, out.getvalue(), XLSX, "places")
    assert status == 200 and (said["sheet"]["formulas"], said["sheet"]["links"]) == (1, 1), said
    assert p.call("GET", "/api/v1/places?code=f")[2]["items"][0]["name"] == "stored"
    undo(p, said)


def parts(**more):
    """A workbook by hand, with these parts changed."""
    files = {}
    with zipfile.ZipFile(io.BytesIO(book(lambda w, s: [s.append(["code"]), s.append(["x"])]))) as z:
        files = {n: z.read(n) for n in z.namelist()}
    files.update({k: v for k, v in more.items()})
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as o:
        for n, text in files.items():
            o.writestr(n, text)
    return out.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><worksheet><sheetData><row r="1"><c t="str"><v>&b;</v></c></row></sheetData></worksheet>'
HOSTILE = {
    "bomb": parts(**{SHEET: b"<worksheet><sheetData>" + b" " * (40 << 20)}),
    "entities": parts(**{SHEET: LAUGHS}),
    "broken xml": parts(**{SHEET: b"<worksheet><sheetData><row></sheetData>"}),
    "rows": parts(**{SHEET: b'<worksheet><sheetData><row r="99999999"><c><v>1</v></c></row></sheetData></worksheet>'}),
    "columns": parts(**{SHEET: b'<worksheet><sheetData><row r="1"><c r="XFD1"><v>1</v></c></row></sheetData></worksheet>'}),
    "depth": parts(**{SHEET: b"<a>" * 100000}),
    "string that is not": parts(**{SHEET: b'<worksheet><sheetData><row r="1"><c t="s"><v>99</v></c></row></sheetData></worksheet>'}),
    "no zip": b"PK\x03\x04" + b"garbage" * 100,
    "cut": points_book(20)[:-600],
    "old": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_workbook_is_refused_with_a_sentence(p, name):
    before = count(p, "places")
    status, _, said = load(p, HOSTILE[name], XLSX, "places")
    assert status in (415, 422, 429) and said["code"] in ("bad_file", "limit", "unsupported"), said
    assert said["detail"] and not re.search("[{}@]", said["detail"]) and re.search("[\u4e00-\u9fff]", said["detail"]), said
    assert count(p, "places") == before and p.call("GET", "/healthz")[0] == 200


def fetch(p, path, lang="zh"):
    status, head, body = p.call("GET", "/api/v1" + path, headers={"Accept-Language": lang}, raw=True)
    assert status == 200, body[:500]
    return head, body


def cells(body, sheet=0):
    return [list(r) for r in openpyxl.load_workbook(io.BytesIO(body)).worksheets[sheet].iter_rows(values_only=True)]


def test_an_export_can_be_imported_again_and_changes_nothing(p):
    load(p, table(20, wrong=False).encode(), set__device=p.device["id"])
    p.make("places", code="=1+1", name="=CMD()", description="@x")
    p.make("places", code="0042", name="-5")
    p.make("points", group=p.group["id"], code="exact", address="HR0", scale=0.1 + 0.2, state_texts={"0": "停机", "1": "运行"})
    for noun in ("places", "connections", "devices", "groups", "points"):
        for lang in ("zh", "en"):
            head, body = fetch(p, f"/{noun}?format=xlsx", lang)
            assert head["Content-Type"] == XLSX and f'filename="{noun}.xlsx"' in head["Content-Disposition"]
            status, _, said = load(p, body, XLSX, noun)
            assert status == 200 and said["unchanged"] == said["rows"] == count(p, noun), (noun, said)


def test_an_export_holds_what_people_read_and_no_formula(p):
    _, body = fetch(p, "/places?format=xlsx&fields=code,name,description&sort=code")
    got = cells(body)
    assert got[0] == ["编码", "名称", "描述"] and ["=1+1", "=CMD()", "@x"] in got and ["0042", "-5", None] in got
    for row_ in openpyxl.load_workbook(io.BytesIO(body)).active.iter_rows():
        assert all(c.data_type != "f" for c in row_)
    got = cells(fetch(p, "/points?format=xlsx&code=P-0007")[1])
    line = dict(zip(got[0], got[1]))
    assert (line["采集设备"], line["采集组"], line["地址"], line["倍率"], line["启用"]) == ("泵站", "快", "HR14", 1, "是")


def test_a_template_is_filled_in_and_imported(p):
    for lang, heads in (("zh", ["采集组", "编码", "地址"]), ("en", ["Scan group", "Code", "Address"])):
        _, body = fetch(p, "/points/template", lang)
        got = cells(body)
        assert set(heads) <= set(got[0]) and len(got) == 2
        sheet = openpyxl.load_workbook(io.BytesIO(body)).active
        choices = {v.formula1 for v in sheet.data_validations.dataValidation}
        assert any("f32" in c and "bool" in c for c in choices), choices
        about = cells(body, 1)
        assert {r[1] for r in about[1:]} >= {"code", "type", "limit_hh"} and any("REAL" not in r[3] and "f32 = " in r[3] for r in about[1:])
        text = fetch(p, "/points/template?format=csv", lang)[1].decode("utf-8-sig").splitlines()
        assert text[0].split(",") == got[0] and len(text) == 2
    book_ = openpyxl.load_workbook(io.BytesIO(fetch(p, "/points/template")[1]))
    heads = [c.value for c in book_.active[1]]
    for head, value in {"采集设备": "泵站", "采集组": "快", "编码": "from-template", "地址": "HR700", "数据类型": "f32"}.items():
        book_.active.cell(2, heads.index(head) + 1, value)
    out = io.BytesIO()
    book_.save(out)
    status, _, said = load(p, out.getvalue(), XLSX)
    assert status == 200 and said["created"] == 1, said
    undo(p, said)


def test_a_file_is_shown_as_a_table_before_anything_is_stored(p):
    status, head, text = p.call("POST", "/api/v1/points/read", points_book(3, wrong=False), headers={"Content-Type": XLSX})
    assert status == 200 and head["X-Encoding"] == "XLSX" and text.decode().splitlines()[1].startswith("序号,位号,点名称")
    status, head, text = p.call("POST", "/api/v1/points/read", "位号\n".encode("gbk"), headers={"Content-Type": "text/csv"})
    assert status == 200 and head["X-Encoding"] == "GB18030" and text.decode() == "位号\n"


def wait_for_job(p, job):
    state = lambda: p.call("GET", f"/api/v1/jobs/{job['id']}")[2]  # noqa: E731
    return tenon.wait_for(lambda: state()["state"] not in ("queued", "running") and state(), 60, "the job ends")


def test_a_long_list_is_a_job_with_progress_and_the_same_result(p):
    body = table(300, wrong=False).encode("gbk")
    status, head, job = load(p, body, job="true", file="点表.csv", set__device=p.device["id"])
    assert status == 202 and job["kind"] == "records.import", job
    said = wait_for_job(p, job)
    assert said["state"] == "done" and said["done"] == 300 and said["result"]["rows"] == 300 and said["result"]["failed"] == 0, said
    listed = p.call("GET", "/api/v1/imports")[2]["items"][0]
    assert (listed["id"], listed["file"]) == (said["result"]["import"], "点表.csv")
    assert undo(p, said["result"])[0] == 200
    said = wait_for_job(p, load(p, points_book(), XLSX, job="true", set__device=p.device["id"])[2])
    assert said["state"] == "failed" and [e["line"] for e in said["result"]["errors"]] == [42, 82, 122, 162, 202], said
    assert load(p, b"code\nx\n", noun="users", job="true")[0] == 202
    operator = p.sign_in("operator", "may-not")
    assert p.call("POST", "/api/v1/points/import?job=true", b"code\nx\n", token=operator, headers={"Content-Type": "text/csv"})[0] == 403
