"""Devices that dial in: a DTU here is a bridge between the platform's port and pymodbus' server on its other side, as it is in the field."""
import select
import socket
import threading
import time

import pytest

pytest.importorskip("pymodbus", reason="pymodbus is not in build/venv")
from pymodbus import FramerType  # noqa: E402
from pymodbus.server import ModbusTcpServer  # noqa: E402
from pymodbus.simulator import DataType, SimData, SimDevice  # noqa: E402

from modbus_peer import Serving, becomes, last, link, read_from  # noqa: E402
from tenon import free_ports, wait_for  # noqa: E402


class Dtu:
    """Calls, says who it is, passes bytes between the platform and its serial side, and sends heartbeats, also in the middle of things."""

    def __init__(self, port, serial_port, registration, heartbeat=b""):
        self.heartbeat, self.over = heartbeat, threading.Event()
        self.up = socket.create_connection(("127.0.0.1", port), 10)
        self.up.sendall(registration)
        self.serial = socket.create_connection(("127.0.0.1", serial_port), 10)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        beat = time.monotonic()
        try:
            while not self.over.is_set():
                for s in select.select([self.up, self.serial], [], [], 0.05)[0]:
                    data = s.recv(4096)
                    if not data:
                        return
                    (self.serial if s is self.up else self.up).sendall(data)
                if self.heartbeat and time.monotonic() - beat > 0.1:
                    beat = time.monotonic()
                    self.up.sendall(self.heartbeat)
        except OSError:
            pass

    def close(self):
        self.over.set()
        self.thread.join(10)
        self.up.close()
        self.serial.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def units(numbers, framer):
    port = free_ports()
    devices = [SimDevice(n, [SimData(0, values=[1000 + n], datatype=DataType.REGISTERS)]) for n in numbers]
    return Serving(lambda: ModbusTcpServer(devices, framer=FramerType(framer), address=("127.0.0.1", port))), port


@pytest.mark.parametrize("framing, written, registration, heartbeat", [
    ("rtu", "DTU-0001", b"DTU-0001", b"\xfe\xfe"),
    ("tcp", "hex:00 01 02 A5", b"\x00\x01\x02\xa5", b"PING"),
])
def test_a_device_that_calls_is_known_and_read(platform, framing, written, registration, heartbeat):
    port = free_ports()
    c, made = read_from(platform, f"dtu-{framing}", "modbus-dial-in",
                        {"port": port, "host": "127.0.0.1", "framing": framing, "registration": written,
                         "heartbeat": "hex:" + heartbeat.hex()},
                        {f"d{framing}{n}": ({"unit": n}, {"w": ("HR0", "u16")}) for n in (1, 2)}, period_ms=100)
    wait_for(lambda: link(platform, c)["state"] == "waiting", what="it waits for the call")
    serving, serial_port = units([1, 2], "rtu" if framing == "rtu" else "socket")
    with serving:
        with Dtu(port, serial_port, registration, heartbeat):
            for n in (1, 2):
                becomes(platform, f"d{framing}{n}/w", 1000 + n)
            before = link(platform, c)
            wait_for(lambda: link(platform, c)["answers"] > before["answers"] + 20, what="it goes on being read through heartbeats")
            assert link(platform, c)["wrong"] == 0 and link(platform, c)["connects"] == 1
        wait_for(lambda: last(platform, f"d{framing}1/w")[1] is False, what="it is bad when the device has gone")
        # it calls again, and while that stands once more: the old one is dead, the new one counts
        with Dtu(port, serial_port, registration), Dtu(port, serial_port, registration):
            becomes(platform, f"d{framing}2/w", 1002)
            wait_for(lambda: link(platform, c)["connects"] == 3, what="both calls were taken")
    platform.call("PATCH", f"/api/v1/connections/{c}", {"enabled": False})


def test_packets_that_begin_alike_are_told_apart_in_any_pieces(platform):
    port = free_ports()
    for code in ("A1", "A10"):
        read_from(platform, code, "modbus-dial-in", {"port": port, "host": "127.0.0.1", "registration": code},
                  {f"dev{code}": ({"unit": 1}, {"w": ("HR0", "u16")})})
    one, one_port = units([1], "rtu")
    with one, Dtu(port, one_port, b"A1"):
        becomes(platform, "devA1/w", 1001)
        slow = socket.create_connection(("127.0.0.1", port), 10)
        slow.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ids = {i["code"]: i["id"] for i in platform.call("GET", "/api/v1/connections?limit=1000")[2]["items"]}
        for byte in b"A10":
            slow.sendall(bytes([byte]))
            time.sleep(0.02)
        wait_for(lambda: link(platform, ids["A10"])["state"] == "up", what="the longer one is up")
        assert link(platform, ids["A1"])["connects"] == 1
        slow.close()


def test_a_device_that_says_nothing_is_taken_where_that_is_expected(platform):
    port = free_ports()
    read_from(platform, "quiet", "modbus-dial-in", {"port": port, "host": "127.0.0.1"}, {"quiet1": ({"unit": 1}, {"w": ("HR0", "u16")})})
    serving, serial_port = units([1], "rtu")
    with serving, Dtu(port, serial_port, b""):
        becomes(platform, "quiet1/w", 1001)


def test_strangers_are_listed_sent_away_and_may_be_adopted(platform):
    port = free_ports()
    c, _ = read_from(platform, "hub", "modbus-dial-in", {"port": port, "host": "127.0.0.1", "registration": "nobody"}, {})
    wait_for(lambda: link(platform, c)["state"] == "waiting")
    for said in (b"IMEI865", b"IMEI865", b"\x01\x02"):
        s = socket.create_connection(("127.0.0.1", port), 10)
        s.sendall(said)
        assert s.recv(10) == b"", "a stranger is sent away"
        s.close()
    seen = {i["registration"]: i for i in platform.call("GET", "/api/v1/links/dial-ins")[2]["items"] if i["port"] == port}
    assert seen["IMEI865"]["calls"] == 2 and seen["IMEI865"]["peer"].startswith("127.0.0.1:"), seen
    assert set(seen) == {"IMEI865", "hex:0102"}
    read_from(platform, "adopted", "modbus-dial-in", {"port": port, "host": "127.0.0.1", "registration": "IMEI865"},
              {"adopted1": ({"unit": 1}, {"w": ("HR0", "u16")})})
    serving, serial_port = units([1], "rtu")
    with serving, Dtu(port, serial_port, b"IMEI865"):
        becomes(platform, "adopted1/w", 1001)


def test_callers_that_never_speak_are_bounded_and_sent_away(platform):
    """64 may wait at once; each has five seconds. The list of strangers stays as long as it is allowed to."""
    port = free_ports()
    c, _ = read_from(platform, "bounded", "modbus-dial-in", {"port": port, "host": "127.0.0.1", "registration": "x"}, {})
    wait_for(lambda: link(platform, c)["state"] == "waiting")
    mute = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(64)]
    late = socket.create_connection(("127.0.0.1", port), 10)
    assert late.recv(1) == b"", "one too many is sent away at once"
    mute[0].settimeout(30)
    assert mute[0].recv(1) == b"", "who says nothing is sent away"
    for s in (*mute, late):
        s.close()
    for batch in (range(35), range(35, 70)):
        strangers = []
        for i in batch:
            strangers.append(socket.create_connection(("127.0.0.1", port), 10))
            strangers[-1].sendall(b"stranger-%d" % i)
        for s in strangers:
            assert s.recv(1) == b""
            s.close()
    items = platform.call("GET", "/api/v1/links/dial-ins")[2]["items"]
    assert len(items) == 64 and "stranger-69" in {i["registration"] for i in items}


def test_wrong_settings_are_refused(platform):
    for config, where in (({"port": 5000, "registration": "hex:0"}, "/config/registration"), ({"registration": "x"}, "/config/port"),
                          ({"port": 5000, "heartbeat": "hex:xy"}, "/config/heartbeat")):
        status, _, body = platform.call("POST", "/api/v1/connections", {"code": "bad", "driver": "modbus-dial-in", "config": config})
        assert status == 422 and body["errors"][0]["pointer"] == where, body
