"""Commands: what is written arrives at a foreign device bit by bit, is read back, and is in the audit with what was there before."""
import json
import struct
import subprocess
import urllib.error
import urllib.request

import pytest

import tenon

pytest.importorskip("pymodbus", reason="pymodbus is not installed")
from command_peer import Peer, Wire  # noqa: E402


@pytest.fixture(scope="module")
def peer():
    p = Peer()
    yield p
    p.close()


class Person:
    """Somebody who signs in with a password: approvals are for people, not for tokens."""

    def __init__(self, platform, name, role):
        self.p, password = platform, "a long enough one"
        roles = platform.call("GET", f"/api/v1/roles?name={role}")[2]["items"]
        platform.make("users", name=name, password=password, role=roles[0]["id"])
        self.head = {}
        _, head, body = self("POST", "/session", {"name": name, "password": password})
        self.head = {"Cookie": head["Set-Cookie"].split(";")[0], "X-CSRF-Token": body["csrf"]}
        if body["password_due"]:
            assert self("PUT", "/session/password", {"old": password, "password": password + ", mine"})[0] == 204

    def __call__(self, method, path, body=None):
        request = urllib.request.Request(self.p.url + "/api/v1" + path, method=method, data=json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json", **self.head})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.headers, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as e:
            return e.code, e.headers, json.loads(e.read())


class Plant:
    """One connection, device and group of the platform, leading to a port."""

    def __init__(self, platform, port, code, period_ms=200, **device):
        self.p, self.code = platform, code
        self.connection = platform.make("connections", code=code, driver="modbus-tcp", config={"host": "127.0.0.1", "port": port, "timeout_ms": 1000})
        self.device = platform.make("devices", code=code, connection=self.connection["id"], config={"unit": 1, **device})
        self.group = platform.make("groups", code="g", device=self.device["id"], period_ms=period_ms)
        self.points = {}

    def point(self, address, type, **more):
        code = more.pop("code", address.replace("#", "_").replace(".", "_"))
        fields = {"access": "rw", "confirm": False, **more}
        self.points[code] = self.p.make("points", code=code, group=self.group["id"], address=address, type=type, **fields)
        return self.points[code]

    def is_up(self):
        def up():
            status, _, body = self.p.call("GET", f"/api/v1/links/{self.device['id']}")
            return status == 200 and body["state"] == "up"
        return tenon.wait_for(up, what="the device is up")

    def send(self, point, value, **more):
        return self.p.call("POST", f"/api/v1/points/{point['id']}/command", {"value": value, **more})


@pytest.fixture(scope="module")
def plant(platform, peer):
    made = Plant(platform, peer.port, "pump")
    made.point("IR0", "u16", access="r")
    made.is_up()
    return made


ORDERS = {"ABCD": [0, 1, 2, 3], "CDAB": [2, 3, 0, 1], "BADC": [1, 0, 3, 2], "DCBA": [3, 2, 1, 0]}
KINDS = [("i16", ">h", -2), ("u16", ">H", 65535), ("i32", ">i", -12345678), ("u32", ">I", 4000000000), ("f32", ">f", 23.1),
         ("i64", ">q", -9007199254740993), ("u64", ">Q", 2**62 + 1), ("f64", ">d", -1.7976931348623157e308)]


def swapped(data, order):
    """Two bytes: AB AB BA BA; eight: as the words and bytes of ABCD do (README of the driver)."""
    if len(data) == 2:
        return data if order in ("ABCD", "CDAB") else data[::-1]
    words = [data[i:i + 2] for i in range(0, len(data), 2)]
    if order in ("CDAB", "DCBA"):
        words.reverse()
    if order in ("BADC", "DCBA"):
        words = [w[::-1] for w in words]
    return b"".join(words)


@pytest.mark.parametrize("order", ORDERS)
def test_every_type_and_order_arrives_bit_by_bit(plant, peer, order):
    assert swapped(b"ABCD", order) == bytes(b"ABCD"[i] for i in ORDERS[order])
    asks, wants = [], []
    for i, (kind, fmt, value) in enumerate(KINDS):
        address = 10 + 4 * i
        point = plant.point(f"HR{address}#{order}", kind)
        asks.append({"point": point["id"], "value": str(value) if abs(value) > 2**53 and kind[0] != "f" else value})
        wants.append((address, swapped(struct.pack(fmt, value), order), kind, value))
    status, _, body = plant.p.call("POST", "/api/v1/commands", {"commands": asks, "reason": "start-up"})
    assert status == 200
    for item, (address, want, kind, value) in zip(body["items"], wants):
        assert item["command"]["state"] == "done" and item["error"] is None, (kind, item)
        assert peer.bytes(address, len(want) // 2) == want, kind
        got = item["command"]["after"]
        assert (int(got) if kind[0] != "f" else struct.unpack(fmt := ">f" if kind == "f32" else ">d", struct.pack(fmt, got))[0]) == \
            (value if kind != "f32" else struct.unpack(">f", struct.pack(">f", value))[0]), kind


def test_bits_and_coils(plant, peer):
    coil, bit = plant.point("C5", "bool"), plant.point("HR100.3", "bool")
    assert plant.send(coil, True)[2]["state"] == "done" and peer.coil(5) is True
    before = peer.registers(100)[0]
    assert plant.send(bit, 1)[2]["state"] == "done"
    assert peer.registers(100)[0] == before | 8


def test_limits_refuse_and_nothing_arrives(plant, peer):
    point = plant.point("HR110", "i16", scale=0.1, write_min=5, write_max=60, write_step=0.5, unit="°C")
    for value, code, words in [(4.5, "out_of_range", "5"), (61, "out_of_range", "60"), (20.2, "step", "0.5")]:
        status, _, body = plant.send(point, value)
        assert (status, body["code"]) == (422, code) and words in body["detail"], body
        assert body["command"]["state"] == "refused"
    assert plant.send(point, "warm")[2]["code"] == "wrong_type"
    assert plant.send(point, None)[0] == 422
    assert peer.registers(110) == [110]
    status, _, body = plant.send(point, 20.5)
    assert status == 200 and body["state"] == "done" and body["after"] == 20.5
    assert peer.registers(110) == [205]
    reader = plant.points["IR0"]
    assert plant.send(reader, 1)[2]["code"] == "refused"


def test_a_point_that_asks_is_asked_and_one_that_needs_two_waits_for_the_second(plant, peer):
    point = plant.point("HR112", "u16", confirm=True)
    status, _, body = plant.send(point, 5)
    assert (status, body["code"]) == (409, "unconfirmed") and peer.registers(112) == [112]
    assert plant.send(point, 5, confirm=True)[0] == 200 and peer.registers(112) == [5]
    two = plant.point("HR113", "u16", approval=True)
    p = plant.p
    status, _, body = plant.send(two, 5, reason="trial")
    assert status == 202 and body["approval"]["reason"] == "trial" and peer.registers(113) == [113], body
    path = f"/approvals/{body['approval']['id']}/approve"
    assert p.call("POST", "/api/v1" + path, {})[0] == 403, "not by himself"
    status, _, body = Person(p, "second", "operator")("POST", path, {"note": "agreed"})
    assert status == 200 and body["state"] == "done", body
    assert peer.registers(113) == [5]
    # Whoever made the token that asks holds it: he is no second person.
    maker = Person(p, "maker", "administrator")
    roles = p.call("GET", "/api/v1/roles?name=operator")[2]["items"]
    status, _, token = maker("POST", "/tokens", {"name": "his", "role": roles[0]["id"]})
    assert status == 201, token
    status, _, body = p.call("POST", f"/api/v1/points/{two['id']}/command", {"value": 7}, token=token["secret"])
    assert status == 202, body
    path = f"/approvals/{body['approval']['id']}/approve"
    status, _, body = maker("POST", path, {})
    assert (status, body["code"]) == (403, "same_person") and peer.registers(113) == [5], body
    assert Person(p, "third", "operator")("POST", path, {})[2]["state"] == "done" and peer.registers(113) == [7]
    status, _, body = p.call("POST", "/api/v1/commands", {"commands": [{"point": two["id"], "value": 6}, {"point": point["id"], "value": 6}], "confirm": True})
    assert [i["command"]["state"] for i in body["items"]] == ["refused", "done"]


def test_another_value_read_back_is_told(plant, peer):
    point = plant.point("HR115", "u16")
    peer.stuck.add(115)
    status, _, body = plant.send(point, 900)
    assert (status, body["code"]) == (409, "differs")
    assert body["args"]["got"] == "115" and body["command"]["after"] == 115 and body["command"]["state"] == "differs"


def test_who_why_and_what_was_before_is_in_the_audit(plant):
    p, point = plant.p, plant.point("HR120", "u16")
    tenon.wait_for(lambda: point["path"] in p.query([point["id"]]), what="the value before is known")
    status, head, body = plant.send(point, 7, reason="filter changed")
    assert status == 200 and body["before"] == 120 and body["value"] == 7 and body["after"] == 7
    assert p.call("GET", head["Location"])[2]["state"] == "done"
    entries = [e for e in p.call("GET", "/api/v1/audit?limit=20")[2]["items"] if e["deed"].startswith("point.command")]
    end, start = entries[0], entries[1]
    assert (start["deed"], end["deed"]) == ("point.command", "point.command_end")
    sent = start["changes"]["changes"][0]["after"]
    assert (sent["before"], sent["value"], sent["reason"], sent["path"]) == (120, 7, "filter changed", point["path"])
    assert end["changes"]["changes"][0]["after"]["state"] == "done" and end["name"] == start["name"] == "test"
    assert end["request"] == start["request"] and end["peer"] == start["peer"] == "127.0.0.1"
    assert p.call("GET", "/api/v1/audit/verify")[2]["whole"]
    # what was read back is a sample like any other, at once
    tenon.wait_for(lambda: 7 in p.query([point["id"]])[point["path"]]["v"], what="the value read back is in the history")


def test_who_may_not_is_refused_and_noted(plant):
    p, point = plant.p, plant.point("HR121", "u16")
    viewer = p.sign_in("viewer", "onlooker")
    status, _, body = p.call("POST", f"/api/v1/points/{point['id']}/command", {"value": 1}, token=viewer)
    assert (status, body["code"]) == (403, "denied")
    assert p.call("GET", "/api/v1/commands", token=viewer)[0] == 200
    entry = p.call("GET", "/api/v1/audit?limit=1")[2]["items"][0]
    assert (entry["outcome"], entry["name"]) == ("denied", "onlooker")


def test_in_front_of_all_polling(platform, peer):
    """Twenty scattered registers every 10 ms: more than the device can answer. Whatever it is asked between two commands of an order is at
    most the one question that was under way."""
    busy = Plant(platform, peer.port, "busy", period_ms=10, gap_registers=0)
    for i in range(20):
        busy.point(f"HR{2 * i}", "u16", access="r", code=f"r{i}")
    targets = [busy.point(f"HR{150 + i}", "u16", access="w") for i in range(10)]
    busy.is_up()
    peer.seen.clear()
    status, _, body = platform.call("POST", "/api/v1/commands", {"commands": [{"point": t["id"], "value": 1000 + i} for i, t in enumerate(targets)]})
    codes = [code for _, code in list(peer.seen)]
    assert status == 200 and [i["command"]["state"] for i in body["items"]] == ["unchecked"] * 10
    assert peer.registers(150, 10) == [1000 + i for i in range(10)]
    writes = [i for i, code in enumerate(codes) if code == 6]
    assert len(writes) == 10 and all(b - a <= 2 for a, b in zip(writes, writes[1:])), codes
    platform.call("PATCH", f"/api/v1/connections/{busy.connection['id']}", {"enabled": False})


def test_a_wire_cut_in_the_middle_leaves_it_unknown_and_a_dead_one_refuses(platform, peer):
    wire = Wire(peer.port)
    cut = Plant(platform, wire.port, "cut")
    point = cut.point("HR130", "u16")
    cut.is_up()
    wire.cut = 6
    status, _, body = cut.send(point, 77)
    assert status == 502 and body["command"]["state"] == "unknown", body
    tenon.wait_for(lambda: peer.registers(130) == [77], what="it had arrived all the same")
    wire.cut = None
    cut.is_up()
    wire.close()

    def is_down():
        return platform.call("GET", f"/api/v1/links/{cut.connection['id']}")[2]["state"] == "down"
    tenon.wait_for(is_down, what="the connection is down")
    status, _, body = cut.send(point, 78)
    assert status >= 409 and body["command"]["state"] == "refused", body
    assert peer.registers(130) == [77]
    # what is disabled is refused before anything is tried
    platform.call("PATCH", f"/api/v1/connections/{cut.connection['id']}", {"enabled": False})
    status, _, body = cut.send(point, 79)
    assert (status, body["code"]) == (409, "refused")


def test_a_ramp_walks_and_can_be_stopped(plant, peer):
    p, point = plant.p, plant.point("HR140", "f32", write_ramp=4)
    assert plant.p.call("PATCH", f"/api/v1/points/{point['id']}", {"write_ramp": None})[0] == 200
    assert plant.send(point, 10)[2]["state"] == "done"
    p.call("PATCH", f"/api/v1/points/{point['id']}", {"write_ramp": 4})

    def ended(path):
        def look():
            body = p.call("GET", path)[2]
            return body["state"] != "waiting" and body
        return tenon.wait_for(look, what="the ramp ends")

    status, head, body = plant.send(point, 14)
    assert status == 202 and body["state"] == "waiting" and body["ramp"] == 4
    done = ended(head["Location"])
    assert done["state"] == "done" and done["after"] == 14
    assert peer.bytes(140, 2) == struct.pack(">f", 14)
    status, head, body = plant.send(point, 1000)
    tenon.wait_for(lambda: p.call("GET", head["Location"])[2].get("after"), what="it says where it is")
    assert ended(plant.send(point, 3)[1]["Location"])["state"] == "refused", "the point is taken"
    assert p.call("POST", head["Location"] + "/stop")[0] == 202
    stopped = ended(head["Location"])
    assert stopped["state"] == "stopped" and 14 < stopped["after"] < 1000
    assert peer.bytes(140, 2) == struct.pack(">f", stopped["after"])


def test_a_stop_in_the_middle_of_a_ramp_says_where_it_was(peer):
    p = tenon.Platform()
    made = Plant(p, peer.port, "walk")
    point = made.point("HR146", "f32", write_min=0, write_ramp=1)
    made.is_up()
    status, head, _ = made.send(point, 500)
    assert status == 202
    tenon.wait_for(lambda: p.call("GET", head["Location"])[2].get("after") is not None, what="it walks")
    p.own = False
    assert p.close() == 0
    again = tenon.Platform(p.data)
    again.token = p.token
    rec = again.call("GET", head["Location"])[2]
    again.own = True
    assert again.close() == 0
    assert rec["state"] == "stopped" and rec["after"] > 0, rec


def test_the_command_line(plant, peer):
    point = plant.point("HR160", "i16", scale=0.1, confirm=True, write_max=50, unit="°C")

    def run(*args):
        return subprocess.run([tenon.PROGRAM, "command", "--server", plant.p.url, "--token", plant.p.token, *args], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL)
    asked = run(point["path"], "21.5")
    assert asked.returncode == 75 and "--yes" in asked.stderr and peer.registers(160) == [160], asked
    done = run(point["path"], "21.5", "--yes", "--reason", "trial")
    assert done.returncode == 0 and "21.5" in done.stdout and peer.registers(160) == [215], done
    high = run(point["path"], "51", "--yes", "--output", "json")
    assert high.returncode == 65 and "50" in high.stderr, high
    assert json.loads(run(point["path"], "22", "--yes", "--output", "json").stdout)["after"] == 22
