"""Free words in lists: parts of code, name, description and address, and initials of Pinyin. Readings are those of the package pypinyin."""
import os
import re
import subprocess
import urllib.parse

import pytest

import people
import tenon

BASE = "/api/v1"
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@pytest.fixture(scope="module")
def p(platform):
    platform.token = platform.sign_in()
    plant = people.plant(platform, "search")
    for code, name, address, description in (("TI_101", "1#注塑机料筒温度", "40101", "一段加热"), ("WI_201", "重量变送器", "40201", ""),
                                             ("ZD_301", "长行程气缸", "40301", "Cylinder, long stroke"), ("ＰＩ＿４０１", "压力", "40401", "")):
        platform.make("points", group=plant["group"], code=code, name=name, type="f32", address=address, description=description)
    return platform


def found(p, words, noun="points"):
    status, _, answer = p.call("GET", f"{BASE}/{noun}?count=true&q={urllib.parse.quote(words)}")
    assert status == 200 and answer["count"] == len(answer["items"])
    return sorted(r["code"] for r in answer["items"])


def test_parts_of_every_searched_field_are_found_in_any_case_and_width(p):
    assert found(p, "ti_1") == ["TI_101"]
    assert found(p, "料筒") == ["TI_101"]
    assert found(p, "LONG stroke") == ["ZD_301"]
    assert found(p, "40201") == ["WI_201"]
    assert found(p, "pi_4") == ["ＰＩ＿４０１"]
    assert found(p, "料筒 ti_2") == []


def test_chinese_names_are_found_by_the_initials_of_their_pinyin(p):
    assert found(p, "zsj") == ["TI_101"]
    assert found(p, "ZSJLTWD") == ["TI_101"]
    assert found(p, "1zsj") == ["TI_101"]
    assert found(p, "ydjr") == ["TI_101"]      # the description
    assert found(p, "zlbsq") == ["WI_201"]
    assert found(p, "clb") == ["WI_201"]       # 重 is also chong
    assert found(p, "cxcqg") == ["ZD_301"] and found(p, "zxcqg") == ["ZD_301"] and found(p, "chc") == ["ZD_301"]
    assert found(p, "zsj ti") == ["TI_101"]


def test_a_new_name_is_found_and_the_old_one_no_more(p):
    point = p.call("GET", f"{BASE}/points?q=ylyl")[2]["items"]
    assert point == []
    r = p.call("GET", f"{BASE}/points?code=WI_201")[2]["items"][0]
    assert p.call("PATCH", f"{BASE}/points/{r['id']}", {"name": "预留"})[0] == 200
    assert found(p, "yl wi") == ["WI_201"] and found(p, "zlbsq") == []
    assert p.call("PATCH", f"{BASE}/points/{r['id']}", {"name": "重量变送器"})[0] == 200


def test_the_command_line_searches(p):
    done = subprocess.run([tenon.PROGRAM, "point", "list", "--search", "zsj", "--output", "csv", "--server", p.url, "--token", p.token],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "TI_101" in done.stdout and "WI_201" not in done.stdout


def firsts():
    """What src/base/pinyin.def says of every character."""
    text = open(os.path.join(TOP, "src", "base", "pinyin.def"), encoding="utf-8").read()
    line = "".join(re.findall(r'FIRSTS\("(.*)"\)', text))
    also = {int(c, 16): letters for c, letters in re.findall(r'ALSO\((0x\w+), "(\w+)"\)', text)}
    return {chr(0x4E00 + i): c + also.get(0x4E00 + i, "") for i, c in enumerate(line) if c != " "}


def test_the_table_agrees_with_pypinyin():
    pypinyin = pytest.importorskip("pypinyin")
    ours, other, customary = firsts(), [], []
    gb2312 = [bytes((a, b)).decode("gb2312", "ignore") for a in range(0xB0, 0xF8) for b in range(0xA1, 0xFF)]
    for ch in filter(None, gb2312):
        theirs = {r[0] for r in pypinyin.pinyin(ch, style=pypinyin.Style.NORMAL, heteronym=True)[0]}
        usual = pypinyin.lazy_pinyin(ch)[0][0]
        if not set(ours[ch]) <= theirs:
            other.append((ch, ours[ch], theirs))
        if usual not in ours[ch]:
            customary.append((ch, ours[ch], usual))
    assert len(list(filter(None, gb2312))) == 6763
    assert not customary, customary
    assert [ch for ch, _, _ in other] == ["蹒"], other      # also man in Xiandai Hanyu Cidian of 1983
