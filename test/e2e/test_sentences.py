"""What people read when something is wrong: whole sentences, in the language they asked for (RFC 9457 for the form)."""
import json
import re

import pytest

import tenon

ABSENT = "01920000-0000-7000-8000-000000000000"
CSV, TEXT, JSON = ({"Content-Type": t} for t in ("text/csv", "text/plain", "application/json"))
WRONG = [       # method, path, body, more header fields
    ("GET", "/points?limit=0", None, {}), ("GET", "/points?sort=foo", None, {}), ("GET", "/points?fields=foo", None, {}),
    ("GET", "/points?count=maybe", None, {}), ("GET", "/points?cursor=abc", None, {}), ("GET", "/points?kode=1", None, {}),
    ("GET", "/points?q=%zz", None, {}), ("GET", "/points?q=%00", None, {}), ("GET", "/points/xyz", None, {}), ("GET", "/nowhere", None, {}),
    ("GET", "/audit?store=x", None, {}), ("GET", f"/links/{ABSENT}", None, {}), ("POST", "/session", {"name": "x", "password": "y"}, {}),
    ("POST", "/places", [1], {}), ("POST", "/places", {"code": "a/b"}, {}), ("POST", "/places", {"code": "x", "parent": ABSENT}, {}),
    ("PATCH", f"/places/{ABSENT}", {"code": "x"}, {}), ("DELETE", "/places", None, {}), ("POST", "/places", "x", TEXT),
    ("POST", "/write", "a", TEXT), ("POST", "/write", "a b", TEXT), ("POST", "/write", "a b=x", TEXT), ("POST", "/write", "a b=1,", TEXT),
    ("POST", "/write", 'a b="x', TEXT), ("POST", "/write", "a b=1 1x", TEXT), ("POST", "/write", ",a b=1", TEXT),
    ("POST", "/write", "a b=1 9000000000000000000", TEXT), ("POST", "/write?precision=s", "a b=1 9000000000000000000", TEXT),
    ("POST", "/write?precision=h", "a b=1", TEXT), ("POST", "/points/import", "code,kode\nx,y\n", CSV),
    ("POST", "/points/import", "device,group,code,address\nno,no,x,40001\n", CSV), ("POST", "/places/import", 'code\n"x"y\n', CSV),
    ("POST", "/places/import", 'code\n"x\n', CSV), ("POST", "/query", {"points": ["no"], "from": "now-1h"}, {}),
    ("POST", "/query", {"points": ["no"], "from": "x"}, {}), ("POST", "/query", {"points": ["no"], "from": "now", "to": "now-1h"}, {}),
]


@pytest.fixture(scope="module")
def p(platform):
    platform.token = platform.sign_in()
    return platform


def ask(p, wrong, lang):
    method, path, body, headers = wrong
    status, _, answer = p.call(method, "/api/v1" + path, body, headers={"Accept-Language": lang, **headers})
    assert status >= 400, (wrong, answer)
    return answer


@pytest.mark.parametrize("wrong", WRONG, ids=lambda w: f"{w[0]} {w[1]} {json.dumps(w[2])}")
def test_a_refusal_is_a_whole_sentence_in_the_language_asked_for(p, wrong):
    for lang in ("en", "zh"):
        answer = ask(p, wrong, lang)
        told = [e["detail"] for e in answer.get("errors", [])]
        assert answer["title"] and not re.search(r"[{}]", answer["title"])
        assert not re.match(r"\s", answer["detail"]) and not re.search(r"(，现为|, is|第 |line ,)$|第 +行", answer["detail"]), answer
        if lang == "zh":        # Chinese, but for names, values and quoted text: no English sentence inside
            for text in [answer["title"], answer["detail"], *told]:
                assert re.search("[\u4e00-\u9fff]", text), text
                assert not re.search(r"\b(must|is|are|has|does|not|of|the)\b", text), text


def test_a_wrong_line_is_told_once_and_whole(p):
    answer = ask(p, ("POST", "/write", "a b=1\na b", TEXT), "en")
    assert answer["args"]["line"] == "2" and answer["detail"].startswith("line protocol cannot be read at line 2, column ")
    assert answer["errors"][0]["pointer"] == "/2"


def test_what_is_the_same_for_all_is_not_told(p):
    role = p.call("GET", "/api/v1/roles?name=viewer")[2]["items"][0]["id"]
    p.make("tokens", name="twice", role=role)
    status, _, answer = p.call("POST", "/api/v1/tokens", {"name": "twice", "role": role})
    assert status == 409 and answer["args"]["field"] == "name" and answer["args"]["value"] == "twice"
