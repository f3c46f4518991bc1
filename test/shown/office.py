"""What is exported opens in LibreOffice as it is, and what LibreOffice saves is imported: LibreOffice is the independent reader."""
import csv
import io
import pathlib
import subprocess
import sys

import openpyxl
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import tenon  # noqa: E402
import test_sheets as sheets  # noqa: E402


@pytest.fixture(scope="module")
def p():
    p = tenon.Platform()
    p.token = p.sign_in()
    connection = p.make("connections", code="line", driver="modbus-tcp", config={"host": "127.0.0.1"}, enabled=False)
    p.device = p.make("devices", code="泵站", connection=connection["id"])
    p.group = p.make("groups", code="快", device=p.device["id"])
    yield p
    assert p.close() == 0


def office(folder, file, to):
    done = subprocess.run(["soffice", "--headless", f"-env:UserInstallation=file://{folder}/profile", "--convert-to", to, "--outdir", str(folder), str(file)],
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder / (file.stem + "." + to.split(":")[0])


def test_an_export_opens_in_libreoffice_unchanged(p, tmp_path):
    status, _, said = sheets.load(p, sheets.table(wrong=False).encode("gbk"), set__device=p.device["id"])
    assert status == 200 and said["created"] == 300, said
    p.make("points", group=p.group["id"], code="=1+1", name="+A1", address="HR900", unit="@x", description="0042", scale=0.1, offset=-5.5)
    names = "code,name,address,type,unit,scale,offset,description,device,group"
    status, _, body = p.call("GET", f"/api/v1/points?format=xlsx&sort=code&fields={names}", headers={"Accept-Language": "zh"}, raw=True)
    assert status == 200
    file = tmp_path / "points.xlsx"
    file.write_bytes(body)
    # 76: UTF-8; every cell as it is shown
    text = office(tmp_path, file, "csv:Text - txt - csv (StarCalc):44,34,76").read_text("utf-8-sig")
    got = list(csv.reader(io.StringIO(text)))
    items = p.call("GET", f"/api/v1/points?sort=code&limit=1000&fields={names}")[2]["items"]
    assert len(items) == 301 and len(got) == 302
    show = lambda v: "" if v is None else repr(v).rstrip("0").rstrip(".") if isinstance(v, float) else str(v)  # noqa: E731
    for item, row in zip(items, got[1:]):
        want = [show(item.get(n)) for n in names.split(",")[:8]] + ["泵站", "快"]
        assert row == want
    # What LibreOffice saves again is what we sent out.
    again = tmp_path / "again"
    again.mkdir()
    saved = office(again, file, "xlsx")
    status, _, said = sheets.load(p, saved.read_bytes(), sheets.XLSX)
    assert status == 200 and said["unchanged"] == 301, said


def test_a_list_saved_by_libreoffice_in_chinese_is_read(p, tmp_path):
    file = tmp_path / "list.xlsx"
    book = openpyxl.load_workbook(io.BytesIO(sheets.points_book()))
    del book["计算"]
    book.save(file)
    gbk = office(tmp_path, file, "csv:Text - txt - csv (StarCalc):44,34,76").read_text("utf-8-sig").encode("gbk")
    ods = office(tmp_path, file, "ods")
    back = tmp_path / "back"
    back.mkdir()
    for body, kind in ((gbk, "text/csv"), (office(back, ods, "xlsx").read_bytes(), sheets.XLSX)):
        status, _, said = sheets.load(p, body, kind, dry_run="true", set__device=p.device["id"])
        assert status == 422 and said["failed"] == 5, said
        assert [e["line"] for e in said["errors"]] == [42, 82, 122, 162, 202]
