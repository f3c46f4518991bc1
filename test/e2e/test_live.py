"""The live socket, spoken to by an independent WebSocket client."""

import json
import struct
import time

import pytest

from test_conformance import Server, TENON

websockets = pytest.importorskip("websockets")
sync = pytest.importorskip("websockets.sync.client")

import os


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if not os.path.exists(TENON):
        pytest.skip("there is no %s" % TENON)
    s = Server(str(tmp_path_factory.mktemp("live")))
    yield s
    s.stop()


class Live:
    def __init__(self, server, headers=None, origin=None):
        self.ws = sync.connect("ws://%s/api/v1/live" % server.address, additional_headers=headers or {}, origin=origin, max_size=4 << 20,
                               compression=None).__enter__()

    def say(self, **frame):
        self.ws.send(json.dumps(frame))

    def hear(self, op, timeout=10):
        """The next frame of this op; others are passed over."""
        end = time.monotonic() + timeout
        while True:
            m = json.loads(self.ws.recv(timeout=max(0.01, end - time.monotonic())))
            if m["op"] == op:
                return m
            assert m["op"] != "error", m

    def until(self, id, done, timeout=20):
        """Takes values until done(latest by index) holds."""
        end, latest = time.monotonic() + timeout, {}
        while not done(latest):
            m = self.hear("values", max(0.01, end - time.monotonic()))
            if m["id"] == id:
                latest.update({v[0]: v for v in m["v"]})
        return latest

    def closed(self, timeout=15):
        try:
            while True:
                self.ws.recv(timeout=timeout)
        except websockets.exceptions.ConnectionClosed as e:
            return e.rcvd.code if e.rcvd else None


def live(server, token="viewer"):
    c = Live(server)
    c.say(op="hello", token=server.tokens[token])
    assert c.hear("hello")["principal"] == "e2e-" + token
    return c


def write(server, lines, precision="ms"):
    a = server.admin("POST", "/write", lines, {"Content-Type": "text/plain"}, precision=precision)
    assert a.status == 204, a.body


def now_ms():
    return int(time.time() * 1000)


def point(server, path):
    return server.admin("GET", "/points", path=path).json["items"][0]["id"]


def test_the_first_frame_must_be_a_valid_hello(server):
    for frame in ({"op": "hello", "token": "tnn_wrong"}, {"op": "hello"}, {"op": "subscribe", "id": "x", "path": ""}, {"op": "ping"}):
        c = Live(server)
        c.say(**frame)
        assert json.loads(c.ws.recv(timeout=10))["code"] == "unauthenticated"
        assert c.closed() == 4401
    c = Live(server)
    c.ws.send("no json")
    assert c.closed() == 4401


def test_a_cookie_needs_the_csrf_value_and_our_own_page(server):
    role = server.admin("GET", "/roles", name="viewer").json["items"][0]["id"]
    assert server.admin("POST", "/users", {"name": "liv", "password": "ten letters", "role": role}).status == 201
    liv = server.sign_in("liv", "ten letters")
    cookie = {"Cookie": "tenon_session=" + liv.cookie}
    c = Live(server, cookie)
    c.say(op="hello")
    assert c.closed() == 4401
    c = Live(server, cookie, origin="http://" + server.address)
    c.say(op="hello", csrf=liv.csrf)
    assert c.hear("hello")["principal"] == "liv"
    with pytest.raises(websockets.exceptions.InvalidStatus) as e:
        Live(server, cookie, origin="http://evil.example")
    assert e.value.response.status_code == 403


def test_the_last_values_come_first_and_then_every_change(server):
    t = now_ms()
    write(server, 'line temp=1.5,on=true,count=7i,text="läuft" %d\n' % t)
    ids = [point(server, "line/" + k) for k in ("temp", "on", "count", "text")]
    c = live(server)
    c.say(op="subscribe", id="a", points=ids + ["01920000-0000-7000-8000-000000000000"], max_hz=20)
    assert c.hear("subscribed")["points"] == ids
    got = c.until("a", lambda v: len(v) == 4)
    assert {i: v[2] for i, v in got.items()} == {0: 1.5, 1: True, 2: 7, 3: "läuft"}
    assert all(v[1] == t * 1000 and v[3] == 0 for v in got.values())
    write(server, "line temp=2.5 %d\n" % (t + 1))
    assert c.until("a", lambda v: 0 in v)[0][1:3] == [(t + 1) * 1000, 2.5]
    c.say(op="unsubscribe", id="a")
    c.hear("unsubscribed")
    write(server, "line temp=3.5 %d\n" % (t + 2))
    c.say(op="ping", id="p")
    assert c.hear("pong")["id"] == "p"


def test_a_path_gives_all_below_and_those_that_come_later(server):
    t = now_ms()
    write(server, "hall a=1,b=2 %d\nhallway c=3 %d\n" % (t, t))
    c = live(server)
    c.say(op="subscribe", id="all", path="hall/")
    assert c.hear("subscribed")["points"] == [point(server, "hall/a"), point(server, "hall/b")]
    assert {v[2] for v in c.until("all", lambda v: len(v) == 2).values()} == {1, 2}
    write(server, "hall aa=9 %d\n" % (t + 1))
    assert c.hear("subscribed")["points"] == [point(server, "hall/" + k) for k in ("a", "aa", "b")]
    assert c.until("all", lambda v: 1 in v)[1][2] == 9


def test_nobody_sees_another_tenants_points(server):
    write(server, "secret x=1 %d\n" % now_ms())
    c = Live(server, {"Cookie": "tenon_session=" + server.stranger.cookie})
    c.say(op="hello", csrf=server.stranger.csrf)
    c.hear("hello")
    c.say(op="subscribe", id="ids", points=[point(server, "secret/x")])
    assert c.hear("subscribed")["points"] == []
    c.say(op="subscribe", id="path", path="")
    assert c.hear("subscribed")["points"] == []


def test_wrong_frames_are_told_and_the_socket_lives(server):
    c = live(server)
    for frame, code in (({"op": "dance"}, "not_a_word"), ({"op": "subscribe"}, "length"), ({"op": "subscribe", "id": "x"}, "required"),
                        ({"op": "subscribe", "id": "x", "points": ["nope"]}, "wrong_type"),
                        ({"op": "subscribe", "id": "x", "path": "", "max_hz": 1000}, "out_of_range")):
        c.say(**frame)
        m = json.loads(c.ws.recv(timeout=10))
        assert m["op"] == "error" and m["code"] == code and m.get("id") == frame.get("id"), m
    c.ws.send("{")
    assert json.loads(c.ws.recv(timeout=10))["code"] == "syntax"
    c.say(op="ping")
    c.hear("pong")


def test_batches_come_as_binary_frames(server):
    t = now_ms()
    write(server, "bin f=1.25,i=3i %d\n" % t)
    c = live(server)
    c.say(op="subscribe", id="b", path="bin/", format="batch")
    n = len(c.hear("subscribed")["points"])
    seen, end = 0, time.monotonic() + 20
    while seen < n:
        m = c.ws.recv(timeout=max(0.01, end - time.monotonic()))
        assert isinstance(m, bytes)
        (length,) = struct.unpack_from("<I", m)
        assert m[4:4 + length] == b"b"
        size, version, shape, vtype = struct.unpack_from("<IBBB", m, 4 + length)
        assert (size, version, shape) == (len(m) - 4 - length, 1, 1)
        seen += struct.unpack_from("<I", m, 4 + length + 32)[0]
    assert n == 2


def test_a_client_that_does_not_read_gets_the_latest_and_costs_no_memory(server):
    t = now_ms()
    text = "x" * 900
    wide = lambda k: "slow " + ",".join('p%03d="%s %d"' % (i, text, k) for i in range(400)) + " %d\n" % (t + k)
    write(server, wide(0))
    c = live(server)
    c.say(op="subscribe", id="s", path="slow/", max_hz=20)
    c.hear("subscribed")
    for k in range(1, 60):          # 20 MB of values, nobody reads
        write(server, wide(k))
    got = c.until("s", lambda v: len(v) == 400 and all(x[2].endswith(" 59") for x in v.values()))
    assert len(got) == 400


def test_a_revoked_token_is_noticed_when_it_asks_again(server):
    role = server.admin("GET", "/roles", name="viewer").json["items"][0]["id"]
    a = server.admin("POST", "/tokens", {"name": "soon gone", "role": role}).json
    c = Live(server)
    c.say(op="hello", token=a["secret"])
    c.hear("hello")
    assert server.admin("DELETE", "/tokens/" + a["id"]).status == 204
    c.say(op="subscribe", id="x", path="")
    assert json.loads(c.ws.recv(timeout=10))["code"] == "unauthenticated"


def test_who_comes_back_gets_what_changed_meanwhile_and_no_more(server):
    now = int(time.time() * 1000)
    write(server, "".join("again p%d=1 %d\n" % (i, now) for i in range(5)))
    c = live(server)
    c.say(op="subscribe", id="a", path="again/", max_hz=100)
    names = c.hear("subscribed")
    assert names["resumed"] is False and len(names["points"]) == 5
    seen, seq = {}, None
    while len(seen) < 5:
        m = c.hear("values")
        seen.update({v[0]: v[2] for v in m["v"]})
        seq = m["seq"]
    c.ws.close()
    write(server, "again p3=2 %d\n" % (now + 1))
    c = live(server)
    c.say(op="subscribe", id="a", path="again/", max_hz=100, after=seq)
    again = c.hear("subscribed")
    assert again["resumed"] is True and again["points"] == names["points"]
    m = c.hear("values")
    assert [v[0] for v in m["v"]] == [again["points"].index(server.admin("GET", "/points", path="again/p3").json["items"][0]["id"])]
    for stale in ("1", str(2 ** 63)):               # of an earlier process, or of none: everything comes, and it is said
        c.say(op="subscribe", id="b", path="again/", max_hz=100, after=stale)
        assert c.hear("subscribed")["resumed"] is False
        c.until("b", lambda latest: len(latest) == 5)
    c.say(op="subscribe", id="b", path="again/", after="x")
    assert json.loads(c.ws.recv(timeout=10))["code"] == "wrong_type"


def test_jobs_are_told_to_whom_they_belong(server):
    write(server, "told v=1 %d\n" % int(time.time() * 1000))
    mine, other = live(server, "engineer"), live(server, "viewer")
    for c in (mine, other):
        c.say(op="subscribe", id="work", jobs=True)
        c.hear("subscribed")
    a = server.engineer("POST", "/query/export", {"points": ["told/v"], "from": "now-1h"})
    assert a.status == 202, a.body
    while True:
        m = mine.hear("job")
        assert m["id"] == "work" and m["job"]["id"] == a.json["id"] and m["job"]["kind"] == "samples.export"
        if m["job"]["state"] == "done":
            break
    assert m["job"]["has_file"] is True and m["job"]["total"] == 1
    other.say(op="ping")
    assert json.loads(other.ws.recv(timeout=10))["op"] == "pong"     # nothing in between
