"""Aids for who sets up devices: a test that names the step, raw registers under every reading, who is on a bus, what is asked."""
import json
import socket
import struct
import subprocess
import threading

import pytest

import tenon

pytest.importorskip("pymodbus", reason="pymodbus is not installed")
from command_peer import Peer, Wire  # noqa: E402


@pytest.fixture(scope="module")
def peer():
    p = Peer()
    yield p
    p.close()


@pytest.fixture(scope="module")
def p(platform):
    platform.token = platform.sign_in()
    return platform


def settings(port, host="127.0.0.1", **more):
    return {"driver": "modbus-tcp", "config": {"host": host, "port": port, "timeout_ms": 300, "connect_timeout_ms": 2000, **more}}


def test(p, lang="en", **body):
    status, _, answer = p.call("POST", "/api/v1/links/test", body, headers={"Accept-Language": lang})
    assert status == 200, answer
    return {s["step"]: s for s in answer["steps"]}, answer["ok"]


test.__test__ = False


def failed(steps):
    bad = [s for s in steps.values() if s["state"] == "failed"]
    assert len(bad) == 1 and list(steps.values())[-1] is bad[0], steps
    assert bad[0]["error"]["detail"] and bad[0]["hint"]
    return bad[0]["step"]


class Listener:
    """A port that is no Modbus device: answers something else, or closes at once."""

    def __init__(self, says):
        self.sock, self.says = socket.create_server(("127.0.0.1", 0)), says
        self.port = self.sock.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                s = self.sock.accept()[0]
            except OSError:
                return
            with s:
                if self.says:
                    s.recv(300)
                    s.sendall(self.says)
                    s.recv(300)

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


def test_all_steps_go_well(p, peer):
    steps, good = test(p, **settings(peer.port), device_config={"unit": 3}, address="HR5", type="u16")
    assert good and list(steps) == ["settings", "name", "route", "port", "unit", "read"]
    assert steps["unit"]["found"] == "Acme TT-7 2.1" and steps["read"]["found"] == "HR5 = 5"


def test_the_failing_step_is_named_with_a_hint(p, peer):
    steps, good = test(p, **settings(tenon.free_ports()))
    assert not good and failed(steps) == "port" and steps["route"]["state"] == "ok" and "refused" in steps["port"]["hint"]
    steps, _ = test(p, lang="zh", **settings(tenon.free_ports()))
    assert "端口" in steps["port"]["hint"] and steps["port"]["title"] == "端口可打开"
    steps, _ = test(p, **settings(502, host="no-such-host.invalid"))
    assert failed(steps) == "name"
    steps, _ = test(p, **settings(peer.port), device_config={"unit": 9})
    assert failed(steps) == "unit" and steps["port"]["state"] == "ok" and "silent" in steps["unit"]["hint"]
    steps, _ = test(p, **settings(peer.port), address="HR900", type="u16")
    assert failed(steps) == "read" and "address" in steps["read"]["hint"]
    steps, _ = test(p, driver="modbus-tcp", config={"port": 502})
    assert failed(steps) == "settings" and steps["settings"]["error"]["pointer"] == "/config/host"


@pytest.mark.parametrize("says,hint", [(b"HTTP/1.1 400 Bad Request\r\n\r\n", "not in this protocol"), (b"", "connections may be used up"),
                                       (b"\x00\x01\x00\x00\x00\x03\x01\x83\x0b", "nobody behind it")])
def test_what_answers_but_is_no_device_is_told_apart(p, says, hint):
    other = Listener(says)
    try:
        steps, _ = test(p, **settings(other.port))
        assert failed(steps) == "unit" and hint in steps["unit"]["hint"], steps
    finally:
        other.close()


def test_a_running_connection_is_used_and_not_opened_again(p, peer):
    wire = Wire(peer.port)
    c = p.make("connections", code="running", **settings(wire.port))
    d = p.make("devices", code="running", connection=c["id"], config={"unit": 1})
    g = p.make("groups", code="fast", device=d["id"], period_ms=100)
    for i in (0, 2, 40):
        p.make("points", code=f"r{i}", group=g["id"], address=f"HR{i}", type="u16")
    tenon.wait_for(lambda: p.call("GET", f"/api/v1/links/{d['id']}")[2].get("state") == "up", what="it runs")
    before = p.call("GET", f"/api/v1/links/{c['id']}")[2]["connects"]
    steps, good = test(p, connection="running", device="running")
    assert good and "is up" in steps["port"]["found"] and steps["read"]["state"] == "ok"
    status, _, raw = p.call("POST", "/api/v1/links/peek", {"connection": c["id"], "device": d["id"], "address": "40001", "count": 2})
    assert status == 200 and raw["registers"] == ["0000", "0001"]
    assert len(wire.socks) == 2 and p.call("GET", f"/api/v1/links/{c['id']}")[2]["connects"] == before
    # what is asked of it: one request for two registers with a hole between, one for the third
    plan = p.call("GET", f"/api/v1/links/{c['id']}/plan")[2]["items"]
    assert len(plan) == 1 and plan[0]["code"] == "fast" and plan[0]["points"] == 3 and plan[0]["requests"] == 2
    assert [(q["range"], q["points"], q["items"], q["holes"]) for q in plan[0]["list"]] == [("HR0-HR2", 2, 3, 1), ("HR40", 1, 1, 0)]
    assert all(q["asked"] > 0 and q["last_us"] > 0 for q in plan[0]["list"]) and plan[0]["asked_hz"] == 10
    assert p.call("GET", f"/api/v1/links/{g['id']}/plan")[2]["items"][0]["group"] == g["id"]
    assert p.call("GET", "/api/v1/links/01920000-0000-7000-8000-000000000000/plan")[0] == 404
    wire.close()


def test_registers_are_shown_under_every_reading(p, peer):
    from pymodbus.client import ModbusTcpClient
    with ModbusTcpClient("127.0.0.1", port=peer.port) as c:
        f = struct.pack(">f", 23.1)
        gbk = "泵房1号".encode("gbk") + b"\0"
        assert not c.write_registers(60, [*struct.unpack(">2H", f[2:] + f[:2]), 0x1234, *struct.unpack(">4H", gbk)], device_id=1).isError()
    status, _, body = p.call("POST", "/api/v1/links/peek", {**settings(peer.port), "address": "HR60", "count": 7})
    assert status == 200
    readings = {(r["type"], r["byte_order"]): r["values"] for r in body["readings"]}
    assert readings["f32", "CDAB"][0] == 23.1 and readings["u16", "ABCD"][2] == 0x1234 and len(readings) == 2 * 2 + 6 * 4
    assert body["bcd"][2] == 1234 and body["bits"][2] == "0001001000110100" and body["registers"][2] == "1234"
    status, _, body = p.call("POST", "/api/v1/links/peek", {**settings(peer.port), "address": "HR63", "count": 4})
    assert {"encoding": "GBK", "byte_order": "ABCD", "text": "泵房1号"} in body["texts"]
    status, _, body = p.call("POST", "/api/v1/links/peek", {**settings(peer.port), "address": "C0", "count": 8})
    assert body["values"] == [False] * 8
    assert p.call("POST", "/api/v1/links/peek", {**settings(peer.port), "address": "HR900", "count": 8})[0] == 502
    assert p.call("POST", "/api/v1/links/peek", {**settings(peer.port), "address": "pump", "count": 8})[2]["code"] == "invalid"


def test_a_scan_finds_who_is_there(p, peer):
    status, head, job = p.call("POST", "/api/v1/links/scan", {**settings(peer.port, timeout_ms=100), "from": 1, "to": 5})
    assert status == 202, job

    def ended():
        body = p.call("GET", head["Location"])[2]
        return body["state"] not in ("queued", "running") and body
    done = tenon.wait_for(ended, what="the scan ends")
    result = done["result"] if isinstance(done["result"], dict) else json.loads(done["result"])
    assert done["state"] == "done" and [f["unit"] for f in result["found"]] == [1, 3]
    assert result["found"][1]["who"] == "Acme TT-7 2.1" and done["done"] == done["total"] == 5
    status, head, job = p.call("POST", "/api/v1/links/scan", {**settings(peer.port, timeout_ms=2000), "from": 10, "to": 247})
    assert p.call("POST", head["Location"] + "/cancel")[0] == 202
    assert tenon.wait_for(ended, what="the scan is cancelled")["state"] == "cancelled"


def test_a_scan_backwards_is_refused_before_it_is_a_job(p, peer):
    status, _, body = p.call("POST", "/api/v1/links/scan", {**settings(peer.port), "from": 5, "to": 1})
    assert (status, body["errors"][0]["pointer"], body["detail"]) == (422, "/from", "from must be at most 1, is 5")


def test_steps_come_as_they_happen(p, peer):
    status, head, text = p.call("POST", "/api/v1/links/test", settings(peer.port), headers={"Accept": "application/x-ndjson"}, raw=True)
    assert status == 200 and [json.loads(line)["step"] for line in text.splitlines()] == ["settings", "name", "route", "port", "unit", "read"]


def test_who_may_not_is_refused(p, peer):
    viewer = p.sign_in("viewer", "onlooker 2")
    for door in ("test", "peek", "scan"):
        assert p.call("POST", f"/api/v1/links/{door}", {**settings(peer.port), "address": "HR0"}, token=viewer)[0] == 403
    assert p.call("GET", "/api/v1/links/plan", token=viewer)[0] == 200


def test_the_command_line(p, peer):
    def run(*args):
        return subprocess.run([tenon.PROGRAM, "link", *args, "--server", p.url, "--token", p.token], capture_output=True, text=True)
    config = json.dumps(settings(peer.port)["config"])
    good = run("test", "--driver", "modbus-tcp", "--config", config, "--address", "HR7")
    assert good.returncode == 0 and "HR7 = 7" in good.stdout, good
    wrong = run("test", "--driver", "modbus-tcp", "--config", json.dumps(settings(tenon.free_ports())["config"]))
    assert wrong.returncode == 69 and "port refused" not in wrong.stdout and "refused" in wrong.stdout, wrong
    raw = run("peek", "--driver", "modbus-tcp", "--config", config, "--address", "HR8", "--count", "2")
    assert raw.returncode == 0 and "0008 0009" in raw.stdout, raw
    assert run("plan").returncode == 0
