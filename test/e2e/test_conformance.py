"""Walks every door of the HTTP interface, as the program itself lists them (openapi.json), and asks each the same questions."""

import http.client
import json
import os
import re
import subprocess
import threading
import time
import urllib.parse

import pytest

import tenon

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TENON = os.path.join(os.environ.get("TENON_BUILD", os.path.join(ROOT, "build")), "tenon")
BASE = "/api/v1"
ABSENT = "01920000-0000-7000-8000-000000000000"


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Client:
    """One principal. Every request is a connection of its own: an early refusal may close it."""

    def __init__(self, address, token=None, cookie=None, csrf=None):
        self.address, self.token, self.cookie, self.csrf = address, token, cookie, csrf

    def __call__(self, method, path, /, body=None, headers=None, **query):
        h = {"Authorization": "Bearer " + self.token} if self.token else {}
        if self.cookie:
            h["Cookie"] = "tenon_session=" + self.cookie
        if self.csrf:
            h["X-CSRF-Token"] = self.csrf
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            h["Content-Type"] = "application/merge-patch+json" if method == "PATCH" else "application/json"
        h.update(headers or {})
        h = {k: v for k, v in h.items() if v is not None}
        if not path.startswith("/api") and path not in ("/healthz", "/metrics"):
            path = BASE + path
        if query:
            path += "?" + urllib.parse.urlencode(query)
        c = http.client.HTTPConnection(self.address, timeout=30)
        try:
            c.request(method, path, body.encode() if isinstance(body, str) else body, h)
            r = c.getresponse()
            return Answer(r.status, r.headers, r.read())
        finally:
            c.close()


def problem(a, status, code=None):
    """The answer is a problem of RFC 9457 that says this."""
    assert a.status == status, (a.status, a.body[:500])
    assert a.headers["Content-Type"].startswith("application/problem+json"), a.headers["Content-Type"]
    p = a.json
    assert p["status"] == status and p["title"] and p["detail"] and p["instance"] == a.headers["X-Request-Id"]
    assert p["type"] == "/errors/" + p["code"]
    if code:
        assert p["code"] == code, p
    return p


def run_token(data, name, role):
    out = subprocess.run([TENON, "token", "create", name, "--role", role, "--data", data], capture_output=True, text=True, timeout=60)
    assert out.returncode == 0, out.stderr
    return re.search(r"tnn_[0-9A-Za-z]{49}", out.stdout).group(0)


class Server:
    def __init__(self, data):
        self.process = subprocess.Popen([TENON, "serve", "--data", tenon.settle(data), "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            ready = re.search(r"ready http://(\S+)", line)
            if ready:
                self.address = ready.group(1).rstrip("/")
                break
        else:
            raise AssertionError("the server ended before it was ready")
        threading.Thread(target=self.process.stdout.read, daemon=True).start()
        self.tokens = {role: run_token(data, "e2e-" + role, role) for role in ("administrator", "engineer", "operator", "viewer")}
        self.nobody = Client(self.address)
        self.admin = Client(self.address, self.tokens["administrator"])
        self.engineer = Client(self.address, self.tokens["engineer"])
        self.viewer = Client(self.address, self.tokens["viewer"])
        self.stranger = self.make_stranger()

    def sign_in(self, name, password):
        a = self.nobody("POST", "/session", {"name": name, "password": password})
        assert a.status == 201, a.body
        cookie = re.match(r"tenon_session=([^;]+);", a.headers["Set-Cookie"]).group(1)
        signed_in = Client(self.address, cookie=cookie, csrf=a.json["csrf"])
        if a.json["password_due"]:      # somebody else chose it
            assert signed_in("PUT", "/session/password", {"old": password, "password": password + ", mine"}).status == 204
        return signed_in

    def make_stranger(self):
        """The administrator of another tenant."""
        t = self.admin("POST", "/tenants", {"code": "other", "name": "Other"})
        assert t.status == 201, t.body
        u = self.admin("POST", "/tenants/%s/users" % t.json["id"], {"name": "stranger", "password": "a long enough one"})
        assert u.status == 201, u.body
        return self.sign_in("stranger", "a long enough one")

    def stop(self):
        self.process.terminate()
        assert self.process.wait(30) == 0


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if not os.path.exists(TENON):
        pytest.skip("there is no %s" % TENON)
    s = Server(str(tmp_path_factory.mktemp("data")))
    yield s
    s.stop()


@pytest.fixture(scope="module")
def doors(server):
    """[(method, path with ids filled in, operation)]"""
    spec = server.nobody("GET", "/openapi.json").json
    out = []
    for path, item in spec["paths"].items():
        for method, op in item.items():
            out.append((method.upper(), re.sub(r"\{\w+\}", ABSENT, path), op))
    assert len(out) > 50
    return out


# One record of every noun, in the order in which they need each other.
class Plant:
    def __init__(self, call):
        self.call = call
        self.id = {}
        self.make("place", {"code": "acme", "level": "enterprise"})
        self.make("connection", {"code": "line-1", "driver": "modbus-tcp", "config": {"host": "127.0.0.1"}})
        self.make("device", {"code": "plc-1", "connection": self.id["connection"], "place": self.id["place"]})
        self.make("group", {"code": "fast", "device": self.id["device"], "period_ms": 1000})
        self.make("point", {"code": "temp", "group": self.id["group"], "address": "40001", "type": "u16"})
        self.make("role", {"name": "helper", "permissions": ["point.read"]})
        self.make("user", {"name": "ann", "password": "ten letters", "role": self.id["role"]})
        self.make("token", {"name": "machine", "role": self.id["role"]})

    def make(self, noun, body):
        a = self.call("POST", "/%ss" % noun, body)
        assert a.status == 201, (noun, a.body)
        self.id[noun] = a.json["id"]
        assert a.headers["Location"] == "%s/%ss/%s" % (BASE, noun, a.json["id"])
        assert a.headers["ETag"] == '"%d"' % a.json["rev"]
        return a.json


@pytest.fixture(scope="module")
def plant(server):
    return Plant(server.admin)


def body_type(op):
    content = op.get("requestBody", {}).get("content", {})
    return next(iter(content), None)


def test_nobody_gets_in_where_somebody_is_needed(server, doors):
    for method, path, op in doors:
        a = server.nobody(method, path, {} if body_type(op) else None)
        if op.get("security") == []:
            assert a.status not in (401, 403) or path.endswith("/session") or path.endswith("/setup"), (method, path, a.body)
        else:
            problem(a, 401, "unauthenticated")
            assert a.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_wrong_or_cut_credential_is_401(server, doors):
    good = server.tokens["administrator"]
    for bad in (good[:-1] + ("x" if good[-1] != "x" else "y"), good[:-1], "tnn_", "x", ""):
        problem(Client(server.address, bad)("GET", "/points"), 401)
    problem(Client(server.address, cookie="tns_" + good[4:])("GET", "/points"), 401)


def test_without_the_right_it_is_403_and_says_which(server, doors):
    may = set(server.viewer("GET", "/session").json["permissions"])
    n = 0
    for method, path, op in doors:
        need = op["x-permission"]
        if need in ("public", "signed_in") or need in may:
            continue
        kind = body_type(op)
        a = server.viewer(method, path, "" if kind else None, {"Content-Type": kind})
        assert problem(a, 403, "denied")["args"]["permission"] == need
        n += 1
    assert n > 25


def test_no_page_is_404_and_no_method_is_405_with_allow(server, doors):
    problem(server.admin("GET", "/no-such-noun"), 404)
    problem(server.admin("GET", "/points/%s/no/such/page" % ABSENT), 404)
    problem(server.admin("GET", "/points/not-an-id"), 404)
    offered = {}
    for method, path, op in doors:
        offered.setdefault(path, set()).add(method)
    for path, methods in offered.items():
        for method in {"GET", "PUT", "POST", "PATCH", "DELETE", "BREW"} - methods:
            a = server.admin(method, path)
            problem(a, 405, "no_method")
            assert methods <= set(a.headers["Allow"].split(", ")), (path, a.headers["Allow"])


def test_an_unknown_parameter_is_400_and_the_nearest_is_named(server, doors):
    for method, path, op in doors:
        kind = body_type(op)
        if path == "/healthz":
            continue
        a = server.admin(method, path, "{}" if kind else None, {"Content-Type": kind}, no_such_parameter="1")
        problem(a, 400, "bad_parameter")
    assert problem(server.admin("GET", "/points", limmit="3"), 400)["args"]["nearest"] == "limit"
    assert problem(server.admin("GET", "/points", cod="3"), 400)["args"]["nearest"] == "code"
    problem(server.admin("GET", "/users", hash="x"), 400, "bad_parameter")
    problem(server.admin("GET", "/users", **{"hash.like": "*"}), 400, "bad_parameter")
    problem(server.admin("GET", "/users", sort="hash"), 400)
    problem(server.admin("GET", "/points", limit="0"), 400, "bad_argument")
    problem(server.admin("GET", "/points", limit="1001"), 400, "bad_argument")
    problem(server.admin("GET", "/points", cursor="garbage"), 400, "bad_argument")
    problem(server.admin("GET", "/groups", period_ms="fast"), 400)


def test_what_is_not_offered_is_406(server, doors):
    for method, path, op in doors:
        kind = body_type(op)
        problem(server.admin(method, path, "{}" if kind else None, {"Content-Type": kind, "Accept": "image/png"}), 406, "not_acceptable")


def test_another_body_type_is_415(server, doors):
    n = 0
    for method, path, op in doors:
        kind = body_type(op)
        if not kind or path.endswith("/write"):
            continue
        problem(server.admin(method, path, "{}", {"Content-Type": "application/x-www-form-urlencoded"}), 415, "unsupported")
        problem(server.admin(method, path, "{}", {"Content-Type": kind, "Content-Encoding": "br"}), 415, "unsupported")
        n += 1
    assert n > 20


def test_a_body_too_large_is_413(server, doors):
    """Said by the head alone: the body is never sent."""
    for method, path, op in doors:
        kind = body_type(op)
        if not kind:
            continue
        c = http.client.HTTPConnection(server.address, timeout=30)
        c.putrequest(method, path)
        c.putheader("Authorization", "Bearer " + server.tokens["administrator"])
        c.putheader("Content-Type", kind)
        c.putheader("Content-Length", str(1 << 40))
        c.endheaders()
        r = c.getresponse()
        problem(Answer(r.status, r.headers, r.read()), 413, "too_large")
        c.close()


def test_broken_json_is_400_with_line_and_column(server, plant):
    for method, path in (("POST", "/points"), ("PUT", "/points/" + plant.id["point"]), ("PATCH", "/points/" + plant.id["point"])):
        p = problem(server.admin(method, path, '{"code":\n  nope}', {"Content-Type": "application/json"}), 400, "syntax")
        assert p["args"]["line"] == "2"


def wrong_values(f):
    """What each rule of a field forbids."""
    kind, flags = f["kind"], f.get("flags", [])
    if "readonly" in flags or kind in ("json", "ref"):
        return
    if kind in ("str", "text"):
        yield 7
        if "max" in f:
            yield "x" * (int(f["max"]) + 1)
        if f.get("min", "0") != "0":
            yield "x" * (int(f["min"]) - 1)
        if "pattern" in f:
            yield "\u0001/ "
    if kind in ("i32", "u32", "i64", "u64", "f64"):
        yield "seven"
        if "min" in f:
            yield float(f["min"]) - 1
        if "max" in f:
            yield float(f["max"]) + 1
    if kind == "bool":
        yield "yes"
    if kind == "enum":
        yield "no-such-word"
        yield 0
    if kind == "flags":
        yield ["no-such-word"]
        yield "point.read"


def test_every_rule_of_every_field_is_422_and_names_the_field(server, plant):
    n = 0
    for t in server.admin("GET", "/types").json["items"]:
        if t["name"] not in plant.id:
            continue
        path = "/%s/%s" % (t["plural"], plant.id[t["name"]])
        before = server.admin("GET", path).json
        for f in t["form"]["fields"]:
            for wrong in wrong_values(f):
                p = problem(server.admin("PATCH", path, {f["name"]: wrong}), 422)
                assert any(e["pointer"].split("/")[1] == f["name"] for e in p["errors"]), (t["name"], f["name"], wrong, p)
                assert all(e["detail"] and e["code"] for e in p["errors"])
                n += 1
            if "required" in f.get("flags", []) and "secret" not in f.get("flags", []):
                assert any(e["pointer"] == "/" + f["name"] and e["code"] == "required"
                           for e in problem(server.admin("POST", "/" + t["plural"], {}), 422)["errors"])
        p = problem(server.admin("PATCH", path, {"no_such_field": 1}), 422, "unknown_field")
        assert server.admin("GET", path).json == before
    assert n > 60


def test_two_wrong_fields_are_both_named_and_in_chinese_when_asked(server, plant):
    a = server.admin("PATCH", "/points/" + plant.id["point"], {"type": "f16", "decimals": 99}, {"Accept-Language": "zh-CN"})
    p = problem(a, 422)
    assert {e["pointer"] for e in p["errors"]} == {"/type", "/decimals"}
    assert any("\u4e00" <= ch <= "\u9fff" for ch in p["errors"][0]["detail"])


def test_the_driver_reads_the_address(server, plant):
    p = problem(server.admin("PATCH", "/points/" + plant.id["point"], {"address": "no such address"}), 422)
    assert p["errors"][0]["pointer"] == "/address"
    p = problem(server.admin("PATCH", "/connections/" + plant.id["connection"], {"config": {"hosst": "x"}}), 422)
    assert p["errors"][0]["pointer"].startswith("/config/")


def test_a_stale_etag_is_412_with_the_current_record_and_what_differs(server, plant):
    path = "/places/" + plant.id["place"]
    first = server.admin("GET", path)
    tag = first.headers["ETag"]
    ok = server.admin("PATCH", path, {"name": "Acme"}, {"If-Match": tag})
    assert ok.status == 200 and ok.headers["ETag"] != tag
    for method, body in (("PATCH", {"name": "Other"}), ("PUT", {"code": "acme", "name": "Other"}), ("DELETE", None)):
        a = server.admin(method, path, body, {"If-Match": tag})
        p = problem(a, 412, "precondition")
        assert p["current"]["name"] == "Acme" and a.headers["ETag"] == ok.headers["ETag"]
        assert "name" in p["differs"] or method == "DELETE"
    problem(server.admin("PATCH", path, {"name": "x"}, {"If-Match": "garbage"}), 400)
    assert server.admin("GET", path, headers={"If-None-Match": ok.headers["ETag"]}).status == 304


def test_put_replaces_patch_merges_and_delete_deletes(server):
    a = server.admin("POST", "/places", {"code": "tmp", "name": "one", "description": "two"}).json
    path = "/places/" + a["id"]
    b = server.admin("PATCH", path, {"name": "three"}).json
    assert (b["name"], b["description"]) == ("three", "two")
    c = server.admin("PUT", path, {"code": "tmp"}).json
    assert not c.get("name") and not c.get("description")
    assert c["id"] == a["id"] and c["rev"] > b["rev"] > a["rev"] and c["created"] == a["created"]
    assert server.admin("DELETE", path).status == 204
    problem(server.admin("GET", path), 404, "missing")
    problem(server.admin("DELETE", path), 404, "missing")


def test_what_is_in_use_cannot_be_deleted(server, plant):
    for noun in ("connection", "device", "group", "place", "role"):
        problem(server.admin("DELETE", "/%ss/%s" % (noun, plant.id[noun])), 409, "in_use")


def test_the_same_again_is_409(server, plant):
    p = problem(server.admin("POST", "/points", {"code": "temp", "group": plant.id["group"], "address": "40002"}), 409, "exists")
    problem(server.admin("POST", "/connections", {"code": "line-1", "driver": "modbus-tcp", "config": {"host": "h"}}), 409, "exists")
    assert p["detail"]


def test_paths_follow_their_places(server):
    top = server.admin("POST", "/places", {"code": "top"}).json["id"]
    sub = server.admin("POST", "/places", {"code": "sub", "parent": top}).json["id"]
    conn = server.admin("POST", "/connections", {"code": "paths", "driver": "modbus-tcp", "config": {"host": "127.0.0.1"}}).json["id"]
    dev = server.admin("POST", "/devices", {"code": "dev", "connection": conn, "place": sub}).json["id"]
    group = server.admin("POST", "/groups", {"code": "g", "device": dev}).json["id"]
    point = server.admin("POST", "/points", {"code": "p", "group": group, "address": "40001"}).json
    assert point["path"] == "top/sub/dev/p" and point["device"] == dev
    server.admin("PATCH", "/places/" + top, {"code": "renamed"})
    assert server.admin("GET", "/points", path="renamed/sub/dev/p").json["items"][0]["id"] == point["id"]
    server.admin("PATCH", "/places/" + sub, {"parent": None})
    server.admin("PATCH", "/devices/" + dev, {"code": "dev2"})
    assert server.admin("GET", "/points/" + point["id"]).json["path"] == "sub/dev2/p"
    problem(server.admin("PATCH", "/places/" + sub, {"parent": sub}), 422)
    server.admin("PATCH", "/places/" + top, {"parent": sub})
    problem(server.admin("PATCH", "/places/" + sub, {"parent": top}), 422)


def test_another_tenant_sees_nothing_of_ours(server, plant):
    mine = {"token", "user", "role", "place", "connection", "device", "group", "point"}
    for noun in mine:
        path = "/%ss/%s" % (noun, plant.id[noun])
        problem(server.stranger("GET", path), 404, "missing")
        problem(server.stranger("PATCH", path, {"name": "x"}), 404, "missing")
        problem(server.stranger("PUT", path, {"name": "x", "code": "x"}), 404, "missing")
        problem(server.stranger("DELETE", path), 404, "missing")
        items = server.stranger("GET", "/%ss" % noun).json["items"]
        assert plant.id[noun] not in {i["id"] for i in items}
    for a in (server.stranger("POST", "/groups", {"code": "g", "device": plant.id["device"]}),
              server.stranger("POST", "/users", {"name": "mole", "password": "ten letters", "role": plant.id["role"]})):
        problem(a, 422, "no_such_ref")
    problem(server.stranger("GET", "/tenants"), 403, "denied")
    assert server.stranger("GET", "/links").json["items"] == []
    audit = server.stranger("GET", "/audit", store="system", limit="1000").json["items"]
    assert {e["deed"] for e in audit if e["name"].startswith("e2e-")} == {"tenant.add_user"}    # what was done to it by others, it sees
    assert not {e.get("record") for e in audit} & set(plant.id.values())


def test_nobody_gives_away_a_right_he_has_not(server):
    may_users = server.admin("POST", "/roles", {"name": "hr", "permissions": ["user.read", "user.write", "role.write", "token.write", "token.read"]}).json["id"]
    hr = Client(server.address, server.admin("POST", "/tokens", {"name": "hr", "role": may_users}).json["secret"])
    roles = {r["name"]: r["id"] for r in server.admin("GET", "/roles").json["items"]}
    problem(hr("POST", "/users", {"name": "eve", "password": "ten letters", "role": roles["administrator"]}), 403, "denied")
    problem(hr("POST", "/tokens", {"name": "eve", "role": roles["administrator"]}), 403, "denied")
    problem(hr("POST", "/roles", {"name": "god", "permissions": ["tenant.write"]}), 403, "denied")
    problem(hr("PATCH", "/roles/" + roles["viewer"], {"permissions": []}), 422)
    assert hr("POST", "/users", {"name": "bob", "password": "ten letters", "role": may_users}).status == 201


def test_the_last_administrator_stays(server):
    users = server.stranger("GET", "/users").json["items"]
    roles = {r["name"]: r["id"] for r in server.stranger("GET", "/roles").json["items"]}
    assert [u["name"] for u in users] == ["stranger"]
    path = "/users/" + users[0]["id"]
    problem(server.stranger("DELETE", path), 409, "in_use")
    problem(server.stranger("PATCH", path, {"enabled": False}), 409, "in_use")
    problem(server.stranger("PATCH", path, {"role": roles["viewer"]}), 409, "in_use")


def test_secrets_are_shown_once_or_never(server, plant):
    a = server.admin("POST", "/tokens", {"name": "once", "role": plant.id["role"]})
    secret = a.json["secret"]
    assert Client(server.address, secret)("GET", "/points").status == 200
    for text in (server.admin("GET", "/tokens/" + a.json["id"]).body, server.admin("GET", "/tokens").body, server.admin("GET", "/users").body):
        assert secret.encode() not in text and b"argon2" not in text and b'"hash"' not in text and b'"password"' not in text
    audit = server.admin("GET", "/audit", store="system", limit="1000").body
    assert secret.encode() not in audit and b"argon2" not in audit and b"ten letters" not in audit
    assert server.admin("DELETE", "/tokens/" + a.json["id"]).status == 204
    problem(Client(server.address, secret)("GET", "/points"), 401)


def test_a_session_needs_its_csrf_and_ends(server):
    server.admin("POST", "/users", {"name": "carl", "password": "ten letters", "role": server.admin("GET", "/roles", name="viewer").json["items"][0]["id"]})
    carl = server.sign_in("carl", "ten letters")
    who = carl("GET", "/session").json
    assert who["signed_in"] and who["principal"]["name"] == "carl" and who["role"] == "viewer" and who["csrf"] == carl.csrf
    without = Client(server.address, cookie=carl.cookie)
    assert without("GET", "/points").status == 200
    problem(without("DELETE", "/session"), 403, "csrf")
    problem(Client(server.address, cookie=carl.cookie, csrf="0" * 48)("DELETE", "/session"), 403, "csrf")
    a = carl("DELETE", "/session")
    assert a.status == 204 and "Max-Age=0" in a.headers["Set-Cookie"]
    problem(carl("GET", "/points"), 401)
    assert carl("GET", "/session").json["signed_in"] is False


def test_a_new_password_ends_the_sessions(server):
    role = server.admin("GET", "/roles", name="viewer").json["items"][0]["id"]
    dora = server.admin("POST", "/users", {"name": "dora", "password": "ten letters", "role": role}).json["id"]
    session = server.sign_in("dora", "ten letters")
    assert server.admin("PATCH", "/users/" + dora, {"password": "other letters"}).status == 200
    problem(session("GET", "/points"), 401)
    problem(server.nobody("POST", "/session", {"name": "dora", "password": "ten letters"}), 401, "bad_sign_in")
    server.sign_in("dora", "other letters")


def test_guessing_is_slowed_down(server):
    codes = [server.nobody("POST", "/session", {"name": "guess", "password": "wrong %d" % i}).status for i in range(7)]
    assert codes[0] == 401 and 429 in codes
    a = server.nobody("POST", "/session", {"name": "guess", "password": "wrong"})
    problem(a, 429, "limit")
    assert int(a.headers["Retry-After"]) >= 1


def test_a_list_is_paged_to_its_end_while_others_insert(server):
    made = [server.admin("POST", "/places", {"code": "page-%03d" % i, "name": "paged"}).json["id"] for i in range(120)]
    stop = threading.Event()

    def insert():
        i = 0
        while not stop.is_set():
            server.admin("POST", "/places", {"code": "between-%04d" % i, "name": "paged"})
            i += 1

    other = threading.Thread(target=insert)
    other.start()
    try:
        for sort in ("code", "-code", "-created,code", "id"):
            seen, cursor = [], None
            for _ in range(500):
                query = {"limit": "17", "sort": sort, "code.like": "page-*"}
                if cursor:
                    query["cursor"] = cursor
                page = server.admin("GET", "/places", **query).json
                seen += [i["id"] for i in page["items"]]
                cursor = page["next"]
                if not cursor:
                    break
            assert sorted(seen) == sorted(made), sort
    finally:
        stop.set()
        other.join()


def test_filters_sort_fields_count_and_search(server, plant):
    g = lambda **q: server.admin("GET", "/places", **q).json
    assert g(**{"code.in": "acme,tmp"})["items"][0]["code"] == "acme"
    assert all(i["code"] != "acme" for i in g(**{"code.ne": "acme", "limit": "1000"})["items"])
    assert g(code="acme", fields="id,code")["items"] == [{"id": plant.id["place"], "code": "acme"}]
    assert g(code="acme", count="true")["count"] == 1
    assert g(q="acm", limit="10")["items"]
    codes = [i["code"] for i in g(sort="code", limit="1000")["items"]]
    assert codes == sorted(codes)


def test_lists_go_out_as_csv_and_ndjson_whole(server):
    n = server.admin("GET", "/places", count="true").json["count"]
    assert n > 100
    a = server.admin("GET", "/places", headers={"Accept": "application/x-ndjson"})
    assert a.status == 200 and len([json.loads(line) for line in a.body.decode().splitlines()]) == n
    a = server.admin("GET", "/places", headers={"Accept": "text/csv"})
    assert a.headers["Content-Type"].startswith("text/csv") and len(a.body.decode().split("\r\n")) == n + 2
    a = server.admin("GET", "/places", headers={"Accept": "text/csv"}, limit="3", fields="code", bom="true")
    assert a.body.startswith(b"\xef\xbb\xbf") and len(a.body.decode("utf-8-sig").split()) == 4


def test_import_names_every_wrong_row_and_keeps_nothing(server, plant):
    head = "\ufeff采集设备,采集组,编码,地址,数据类型,单位\r\n"
    good = "".join("plc-1,fast,imp-%d,4%04d,f32,℃\r\n" % (i, 100 + 2 * i) for i in range(5))
    bad = "plc-1,nope,x1,40001,f32,\r\nplc-1,fast,x2,zzz,f32,\r\nplc-1,fast,x3,40001,f99,\r\n"
    csv = {"Content-Type": "text/csv"}
    head = head.replace("单位", "工程单位")
    count = lambda: server.admin("GET", "/points", count="true", limit="1").json["count"]
    before = count()
    a = server.admin("POST", "/points/import", head + good + bad, csv)
    p = problem(a, 422)
    assert p["failed"] == 3 and [(e["line"], e["column"]) for e in p["errors"]] == [(7, "采集组"), (8, "地址"), (9, "数据类型")]
    assert count() == before
    a = server.admin("POST", "/points/import", head + good, csv, dry_run="true").json
    assert (a["created"], a["dry_run"]) == (5, True) and count() == before
    a = server.admin("POST", "/points/import", head + good + bad, csv, partial="true").json
    assert (a["created"], a["failed"]) == (5, 3) and count() == before + 5
    a = server.admin("POST", "/points/import", head + good, csv).json
    assert (a["created"], a["updated"], a["unchanged"]) == (0, 0, 5)
    a = server.admin("POST", "/points/import", "device,group,code,address,type\nplc-1,fast,imp-0,40301,f32\n", csv).json
    assert a["updated"] == 1
    problem(server.admin("POST", "/points/import", "code,nonsense\nx,y\n", csv), 422)
    problem(server.admin("POST", "/points/import", b"code\n\xff\xfd\xff\n", csv), 400, "bad_utf8")
    problem(server.admin("POST", "/points/import", 'code\n"x', csv), 400, "syntax")


def test_export_imports_again_unchanged(server):
    for noun in ("places", "connections", "devices", "groups", "points"):
        text = server.admin("GET", "/" + noun, headers={"Accept": "text/csv"}).body
        a = server.admin("POST", "/%s/import" % noun, text, {"Content-Type": "text/csv"})
        assert a.status == 200, (noun, a.body[:2000])
        assert (a.json["created"], a.json["updated"], a.json["failed"]) == (0, 0, 0), (noun, a.json)


def test_every_deed_is_audited_and_the_chain_is_whole(server):
    a = server.admin("POST", "/places", {"code": "audited"}, {"X-Request-Id": "conformance-1"})
    assert a.headers["X-Request-Id"] == "conformance-1"
    e = server.admin("GET", "/audit", request="conformance-1").json["items"]
    assert len(e) == 1 and e[0]["deed"] == "place.create" and e[0]["record"] == a.json["id"] and e[0]["name"] == "e2e-administrator"
    server.viewer("DELETE", "/places/" + a.json["id"], headers={"X-Request-Id": "conformance-2"})
    e = server.admin("GET", "/audit", request="conformance-2").json["items"]
    assert len(e) == 1 and e[0]["outcome"] == "denied" and e[0]["name"] == "e2e-viewer"
    for store in ("tenant", "system"):
        v = server.admin("GET", "/audit/verify", store=store).json
        assert v["whole"] and v["entries"] > 0, v


def test_every_answer_carries_the_security_headers(server):
    for a in (server.nobody("GET", "/healthz"), server.admin("GET", "/points"), server.nobody("GET", "/points"), server.nobody("GET", "/nope")):
        assert "default-src 'self'" in a.headers["Content-Security-Policy"]
        assert a.headers["X-Content-Type-Options"] == "nosniff" and a.headers["X-Frame-Options"] == "DENY"
        assert a.headers["Referrer-Policy"] and a.headers["X-Request-Id"]


def test_the_openapi_document_holds_together(server):
    spec = server.nobody("GET", "/openapi.json").json
    assert spec["openapi"].startswith("3.1")
    refs = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(spec)))
    assert refs <= set(spec["components"]["schemas"]), refs - set(spec["components"]["schemas"])
    ids = [op["operationId"] for item in spec["paths"].values() for op in item.values()]
    assert len(ids) == len(set(ids))
    jsonschema = pytest.importorskip("jsonschema")
    for name, schema in spec["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_records_fit_their_schemas(server, plant):
    jsonschema = pytest.importorskip("jsonschema")
    spec = server.nobody("GET", "/openapi.json").json
    for noun, id in plant.id.items():
        schema = dict(spec["components"]["schemas"][noun], components=spec["components"])
        rec = server.admin("GET", "/%ss/%s" % (noun, id)).json
        errors = [e.message for e in jsonschema.Draft202012Validator(schema).iter_errors(rec)]
        assert not errors, (noun, errors)


def test_health_and_status(server):
    assert server.nobody("GET", "/healthz").json == {"status": "ok"}
    s = server.admin("GET", "/status").json
    assert s["version"] and s["counts"]["places"] > 0 and s["requests"]["total"] > 0


def test_samples_written_are_read_back(server):
    now = int(time.time() * 1000)
    lines = "".join("written temp=%d.5,on=true %d\n" % (i, now - 1000 * (9 - i)) for i in range(10))
    a = server.admin("POST", "/write", lines, {"Content-Type": "text/plain"}, precision="ms")
    assert a.status == 204, a.body
    q = {"points": ["written/temp"], "from": "now-1h", "to": "now+1m"}
    deadline = time.monotonic() + 20
    while True:
        a = server.admin("POST", "/query", q)
        assert a.status == 200, a.body
        s = a.json["series"][0]
        if len(s["t"]) == 10 or time.monotonic() > deadline:
            break
    assert s["v"] == [i + 0.5 for i in range(10)]
    assert s["t"] == [(now - 1000 * (9 - i)) * 1000 for i in range(10)]
    problem(server.viewer("POST", "/write", lines, {"Content-Type": "text/plain"}), 403, "denied")
    problem(server.admin("POST", "/write", "no line protocol", {"Content-Type": "text/plain"}), 400)
    problem(server.stranger("POST", "/query", q), 404)


def test_the_same_key_is_answered_again_at_every_door_that_changes_something(server, doors):
    again = 0
    for n, (method, path, op) in enumerate(doors):
        if method == "GET" or op["x-permission"] == "public" or path == BASE + "/session":
            continue
        kind = body_type(op)
        ask = lambda body: server.admin(method, path, body if kind else None, {"Content-Type": kind, "Idempotency-Key": "walk-%d" % n})
        first, second = ask("{}"), ask("{}")
        assert (first.status, first.headers["Content-Type"]) == (second.status, second.headers["Content-Type"]), (method, path, second.body)
        if second.headers["Idempotency-Replayed"]:
            assert first.body == second.body and not first.headers["Idempotency-Replayed"]
            if kind and not path.endswith("/import"):
                other = ask('{"other":1}')                                  # a body of a known type is read before its key is looked at
                assert other.status in (400, 422) and other.json["code"] in ("key_reused", "unknown_field", "syntax"), other.body
            again += 1
    assert again > 40, again


def test_too_many_under_way_is_429_at_every_door_but_health(server, doors):
    """A head without its body is under way: 64 of one credential are taken."""
    waiting = []
    try:
        for _ in range(64):
            c = http.client.HTTPConnection(server.address, timeout=30)
            c.putrequest("POST", BASE + "/places")
            c.putheader("Authorization", "Bearer " + server.tokens["operator"])
            c.putheader("Content-Type", "application/json")
            c.putheader("Content-Length", "10")
            c.endheaders()
            waiting.append(c)
        operator = Client(server.address, server.tokens["operator"])
        end = time.monotonic() + 20
        while operator("GET", "/session").status != 429:
            assert time.monotonic() < end
        for method, path, op in doors:
            a = operator(method, path)
            if path == "/healthz":
                assert a.status == 200
                continue
            problem(a, 429, "limit")
            assert int(a.headers["Retry-After"]) >= 1
        assert server.viewer("GET", "/session").status == 200               # another has his own
    finally:
        for c in waiting:
            c.close()
    end = time.monotonic() + 20
    while operator("GET", "/session").status != 200:
        assert time.monotonic() < end
