"""Samples as a workbook, as a trend shows them. openpyxl reads it; the values are those that were written."""
import datetime
import io
import subprocess

import openpyxl
import pytest

import people
import tenon

BASE = "/api/v1"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
START = 1769846400          # date -u -d 2026-01-31T08:00Z +%s
HOUR = {"from": "2026-01-31T08:00:00Z", "to": "2026-01-31T09:00:00Z"}


@pytest.fixture(scope="module")
def p(platform):
    platform.token = platform.sign_in()
    plant = people.plant(platform, "book")
    platform.path = plant["path"].rsplit("/", 1)[0]
    make = lambda **point: platform.make("points", group=plant["group"], **point)["id"]
    platform.ids = [make(code="TI", name="出口温度", address="ti", type="f32", unit="℃"),
                    make(code="SV", name="阀位", address="sv", type="u16", state_texts={"0": "关", "1": "开"}),
                    make(code="ON", name="运行", address="on", type="bool"),
                    make(code="TX", name="=批次", address="tx", type="string")]
    lines = [f"{platform.path} TI=23.1,SV=1i,ON=true,TX=\"=1+1\" {START}000000000",
             f"{platform.path} TI=23.2 {START + 1}500000000",
             f"{platform.path} TI=24.5,SV=0i {START + 2}000000000",
             f"{platform.path} TI=20 {START - 86400}000000000"]
    status, _, answer = platform.call("POST", f"{BASE}/write", "\n".join(lines), headers={"Content-Type": "text/plain"})
    assert status == 204, answer
    return platform


def book(p, lang="zh", **asked):
    status, head, body = p.call("POST", f"{BASE}/query", dict(HOUR, **asked), headers={"Accept": XLSX, "Accept-Language": lang}, raw=True)
    assert status == 200 and head["Content-Type"] == XLSX, body
    return openpyxl.load_workbook(io.BytesIO(body))


def rows(sheet):
    return [list(r) for r in sheet.iter_rows(values_only=True)]


def test_a_row_a_time_a_column_a_point_with_unit_state_and_quality(p):
    b = book(p, points=p.ids, zone_minutes=480)
    assert b.sheetnames == ["趋势", "点位"]
    head, *body = rows(b["趋势"])
    assert head == ["时间 (UTC+08:00)", "出口温度 (℃)", "出口温度 (℃) 质量", "阀位", "阀位 质量", "运行", "运行 质量", "=批次", "=批次 质量"]
    at = datetime.datetime(2026, 1, 31, 16, 0, 0)
    assert [r[0] for r in body] == [at, at + datetime.timedelta(seconds=1.5), at + datetime.timedelta(seconds=2)]
    good = body[0][2]
    assert body[0] == [at, 23.1, good, "开", good, "true", good, "=1+1", good]
    assert body[1][1:] == [23.2, good] + [None] * 6
    assert body[2][1:5] == [24.5, good, "关", good]
    assert b["趋势"]["A2"].number_format == "yyyy-mm-dd hh:mm:ss.000" and b["趋势"]["H2"].data_type == "s"
    assert rows(b["点位"])[1][0].endswith("/TI") and rows(b["点位"])[1][3] == "℃"


def test_buckets_have_a_column_an_aggregate_and_states_their_last(p):
    head, *body = rows(book(p, "en", points=p.ids[:2], step="1m", aggregates=["min", "max"])["Trend"])
    assert head == ["Time (UTC+00:00)", "出口温度 (℃) lowest", "出口温度 (℃) highest", "出口温度 (℃) quality", "阀位", "阀位 quality"]
    assert [r[1:3] + [r[4]] for r in body] == [[23.1, 24.5, "关"]] and body[0][0] == datetime.datetime(2026, 1, 31, 8, 0)


def test_what_is_compared_stands_beside_it_on_the_same_clock(p):
    head, *body = rows(book(p, points=p.ids[:1], compare="1d")["趋势"])
    assert head[3] == "出口温度 (℃) · 早前" and body[0][1] == 23.1 and body[0][3] == 20 and [r[3] for r in body[1:]] == [None, None]


def test_the_command_line_writes_it(p, tmp_path):
    args = [tenon.PROGRAM, "query", f"{p.path}/TI", "--from", HOUR["from"], "--to", HOUR["to"], "--output", "xlsx", "--server", p.url, "--token", p.token]
    done = subprocess.run(args, capture_output=True, timeout=60, env={"TZ": "CST-8", "PATH": "/usr/bin"})
    assert done.returncode == 0, done.stderr
    sheet = rows(openpyxl.load_workbook(io.BytesIO(done.stdout)).worksheets[0])
    assert sheet[0][0] == "Time (UTC+08:00)" and len(sheet) == 4
    done = subprocess.run([*args, "--file", str(tmp_path / "f.xlsx")], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert len(rows(openpyxl.load_workbook(tmp_path / "f.xlsx").worksheets[0])) == 4


def test_who_may_not_read_history_gets_none(p):
    secret = p.make("tokens", name="none", role=people.role(p, "none"))["secret"]
    assert p.call("POST", f"{BASE}/query", dict(HOUR, points=p.ids), token=secret, headers={"Accept": XLSX})[0] == 403


def test_a_cell_holds_all_states_and_of_a_long_text_whole_characters(p):
    """A workbook's cell may have 32,767 characters; cut in the middle of one, no program opens the file."""
    long = "温" * 20000
    lines = [f'wide s="{long}",n={100_000_000 + i}i {START + i}000000000' for i in range(1)] + [f"wide n={100_000_000 + i}i {START + i}000000000" for i in range(1, 60)]
    assert p.call("POST", f"{BASE}/write", "\n".join(lines), headers={"Content-Type": "text/plain"})[0] == 204
    assert rows(book(p, "en", points=["wide/s"])["Trend"])[1][1] == long
    cell = rows(book(p, "en", points=["wide/n"], aggregates=["states"])["Trend"])[1][1]
    assert [c.split("=")[0] for c in cell.split(";")] == [str(100_000_000 + i) for i in range(60)]
