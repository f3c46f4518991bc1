"""What passes on a connection, told by the live socket as it passes. Peers: pymodbus, and a WebSocket client of RFC 6455 (live.py)."""
import pytest

pytest.importorskip("pymodbus", reason="pymodbus is not in build/venv")
from pymodbus.server import ModbusTcpServer  # noqa: E402
from pymodbus.simulator import DataType, SimData, SimDevice  # noqa: E402

import tenon  # noqa: E402
from live import Live  # noqa: E402
from modbus_peer import Serving, becomes, read_from  # noqa: E402
from tenon import free_ports, wait_for  # noqa: E402


@pytest.fixture(scope="module")
def link(platform):
    port = free_ports()
    device = SimDevice(7, [SimData(0, values=[11, 22, 33], datatype=DataType.REGISTERS)])
    with Serving(lambda: ModbusTcpServer([device], address=("127.0.0.1", port))):
        c, _ = read_from(platform, "fast", "modbus-tcp", {"host": "127.0.0.1", "port": port}, {"fast": ({"unit": 7}, {"w": ("HR1", "u16")})}, period_ms=20)
        becomes(platform, "fast/w", 22)
        yield c


@pytest.fixture
def socket(platform):
    s = Live(platform.url)
    s.hello(platform.token)
    yield s
    s.close()


def rest(platform, c, more=""):
    status, _, body = platform.call("GET", f"/api/v1/links/{c}/frames?limit=5000{more}")
    assert status == 200, body
    return body


def refused(s):
    e = s.until("error")
    return e["id"], e["code"]


def test_they_come_by_themselves_without_a_hole_and_are_those_of_the_other_door(platform, link, socket):
    socket.send(op="subscribe", id="f", frames=link)
    assert socket.until("subscribed")["id"] == "f"
    got, last = [], None
    while len(got) < 20 or last is None:
        f = socket.until("frames")
        assert f["id"] == "f" and (last is None or f["frames"]["items"][0]["seq"] == last + 1 + f["frames"]["dropped"])
        got, last = got + f["frames"]["items"], f["frames"]["last"]
        assert got[-1]["seq"] == last
    known = {i["seq"]: i for i in rest(platform, link)["items"]}
    both = [i for i in got if i["seq"] in known]
    assert len(both) >= 10 and all(known[i["seq"]] == i for i in both)
    assert "unit 7: answer: read holding registers HR1 = 22" in {i["text"] for i in got}
    socket.send(op="unsubscribe", id="f")
    socket.until("unsubscribed")
    socket.send(op="ping")
    assert socket.receive()["op"] in ("pong", "frames")             # one may have been on its way


def test_they_speak_the_language_that_is_asked_for(link, socket):
    socket.send(op="subscribe", id="f", frames=link, lang="zh")
    assert "从站 7：读保持寄存器 HR1" in {i["text"] for i in socket.until("frames")["frames"]["items"]}
    socket.send(op="subscribe", id="g", frames=link, lang="xx")
    assert refused(socket) == ("g", "not_a_word")


def test_who_is_behind_gets_the_newest_and_is_told_how_many_he_missed(platform, link, socket):
    wait_for(lambda: rest(platform, link)["last"] > 250, 60, "enough frames")
    socket.send(op="subscribe", id="f", frames=link, after=3)
    f = socket.until("frames")["frames"]
    assert len(f["items"]) == 100 and f["dropped"] == f["last"] - 3 - 100 > 0
    assert [i["seq"] for i in f["items"]] == list(range(f["last"] - 99, f["last"] + 1))
    more = rest(platform, link, "&after=3&limit=10")
    assert more["dropped"] == more["last"] - 3 - len(more["items"])
    socket.send(op="subscribe", id="f", frames=link, after=f["last"] + 10 ** 9)      # of an earlier run of the connection
    again = socket.until("frames")["frames"]
    assert again["items"] and again["dropped"] == 0 and again["last"] < f["last"] + 10 ** 6


def test_only_who_may_see_connections(platform, link, socket):
    socket.send(op="subscribe", id="f", frames="00000000-0000-0000-0000-000000000000")
    assert refused(socket) == ("f", "missing")
    socket.send(op="subscribe", id="f", frames="x")
    assert refused(socket) == ("f", "wrong_type")
    for i in range(4):
        socket.send(op="subscribe", id=f"f{i}", frames=link)
    socket.send(op="subscribe", id="f5", frames=link)
    assert refused(socket) == ("f5", "limit")
    role = platform.make("roles", name="looker", permissions=["point.read", "link.read"])
    other = Live(platform.url)
    other.hello(platform.make("tokens", name="looker", role=role["id"])["secret"])
    other.send(op="subscribe", id="f", frames=link)
    other.until("frames")
    assert platform.call("PATCH", f"/api/v1/roles/{role['id']}", {"permissions": ["point.read"]})[0] == 200
    assert refused(other) == ("f", "denied")                        # while it looks on
    other.send(op="subscribe", id="f", frames=link)
    assert refused(other) == ("f", "denied")
    other.close()


def test_a_socket_that_closes_takes_its_places_with_it(platform, link):
    for _ in range(12):                                             # 48 in all, of 32 at a time
        s = Live(platform.url)
        s.hello(platform.token)
        for i in range(4):
            s.send(op="subscribe", id=f"f{i}", frames=link)
        s.until("frames")
        s.close()
    s = Live(platform.url)
    s.hello(platform.token)
    s.send(op="subscribe", id="f", frames=link)
    assert wait_for(lambda: s.receive()["op"] == "frames", 20, "a place")
    s.close()
    tenon.wait_for(lambda: platform.call("GET", "/healthz")[0] == 200)
