"""What devices do that no specification foresees: gateways that hang up, lose requests, answer out of turn; registers nobody may read together."""
import socket
import struct
import threading

import pytest

pytest.importorskip("pymodbus", reason="pymodbus is not in build/venv")
from pymodbus import FramerType  # noqa: E402
from pymodbus.client import ModbusTcpClient  # noqa: E402
from pymodbus.server import ModbusTcpServer  # noqa: E402
from pymodbus.simulator import DataType, SimData, SimDevice  # noqa: E402

from modbus_peer import Serving, becomes, history, link, read_from  # noqa: E402
from tenon import free_ports, wait_for  # noqa: E402


class Gateway:
    """In front of pymodbus' server: `serve(client, ask)` has a caller's socket and a function that asks the server and returns its answer."""

    def __init__(self, serve):
        self.back = free_ports()
        values = [n * 3 + 7 for n in range(200)]
        self.server = Serving(lambda: ModbusTcpServer([SimDevice(1, [SimData(0, values=values, datatype=DataType.REGISTERS)])],
                                                      framer=FramerType.SOCKET, address=("127.0.0.1", self.back)))
        self.listener, self.serve, self.calls, self.over = socket.create_server(("127.0.0.1", 0)), serve, 0, False
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while not self.over:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            self.calls += 1
            threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            with client, socket.create_connection(("127.0.0.1", self.back), 10) as back:
                def ask(frame):
                    back.sendall(frame)
                    return read_frame(back)

                self.serve(client, ask)
        except (OSError, EOFError):
            pass

    def close(self):
        self.over = True
        self.listener.close()
        self.server.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def exactly(s, n):
    data = b""
    while len(data) < n:
        got = s.recv(n - len(data))
        if not got:
            raise EOFError
        data += got
    return data


def read_frame(s):
    head = exactly(s, 6)
    return head + exactly(s, struct.unpack(">H", head[4:])[0])


def hang_up(client, ask):
    client.sendall(ask(read_frame(client)))


# 40 registers in blocks that one request cannot fetch together
SPREAD = {f"r{n}": (f"HR{n}", "u16") for n in range(0, 160, 4)}
NARROW = {"max_registers": 10, "gap_registers": 4}


def all_there(platform, device):
    for name, (address, _) in SPREAD.items():
        becomes(platform, f"{device}/{name}", int(address[2:]) * 3 + 7)


def test_a_gateway_that_hangs_up_after_each_answer_is_read_without_a_failure(platform):
    with Gateway(hang_up) as g:
        c, made = read_from(platform, "hangs-up", "modbus-tcp", {"host": "127.0.0.1", "port": g.port, "closes": True, **NARROW},
                            {"hangs": ({}, SPREAD)}, period_ms=500)
        all_there(platform, "hangs")
        seen = wait_for(lambda: (s := link(platform, c))["answers"] >= 60 and s, 30, "several cycles")
        assert seen["state"] == "up" and seen["timeouts"] == 0 and seen["connects"] >= seen["answers"], seen
        assert link(platform, made["hangs"])["state"] == "up"
        bad = [n for n in SPREAD if any(v is None for v in history(platform, f"hangs/{n}")["v"])]
        assert not bad, bad


def test_requests_in_flight_stay_so_with_a_device_that_can(platform):
    most, lock = [0], threading.Lock()

    def at_once(client, ask):
        while True:
            frames = [read_frame(client)]
            client.settimeout(0.05)
            try:
                while True:
                    frames.append(read_frame(client))
            except TimeoutError:
                pass
            client.settimeout(None)
            with lock:
                most[0] = max(most[0], len(frames))
            for f in frames:
                client.sendall(ask(f))

    with Gateway(at_once) as g:
        c, _ = read_from(platform, "pipelined", "modbus-tcp", {"host": "127.0.0.1", "port": g.port, "pipeline": 4, **NARROW}, {"pipe": ({}, SPREAD)})
        all_there(platform, "pipe")
        wait_for(lambda: most[0] == 4, what="four requests were open")
        assert link(platform, c)["at_once"] == 4


@pytest.mark.parametrize("harm", ["turns", "drops"])
def test_a_device_that_cannot_is_asked_one_at_a_time(platform, harm):
    def serve(client, ask):
        while True:
            frames = [read_frame(client)]
            client.settimeout(0.05)
            try:
                while True:
                    frames.append(read_frame(client))
            except TimeoutError:
                pass
            client.settimeout(None)
            for f in (reversed(frames) if harm == "turns" else frames[:1]):
                client.sendall(ask(f))

    with Gateway(serve) as g:
        c, _ = read_from(platform, harm, "modbus-tcp",
                         {"host": "127.0.0.1", "port": g.port, "pipeline": 4, "timeout_ms": 500, **NARROW}, {harm: ({}, SPREAD)})
        wait_for(lambda: link(platform, c)["at_once"] == 1, 30, "it is put back to one")
        all_there(platform, harm)


def test_a_hole_is_learnt_remembered_and_forgotten_with_its_settings(platform):
    """Registers 20 to 29 may not be read: the merged request is split once, and never asked again as it was."""
    asked, lock = [], threading.Lock()

    def forbid(client, ask):
        while True:
            f = read_frame(client)
            first, n = struct.unpack(">HH", f[8:12])
            with lock:
                asked.append((first, n))
            if first < 30 and first + n > 20:
                client.sendall(f[:4] + b"\0\3" + f[6:7] + b"\x83\x02")
            else:
                client.sendall(ask(f))

    with Gateway(forbid) as g:
        points = {"before": ("HR15", "u16"), "after": ("HR30", "u16")}
        c, made = read_from(platform, "holes", "modbus-tcp", {"host": "127.0.0.1", "port": g.port}, {"hole": ({}, points)})
        becomes(platform, "hole/before", 52)
        becomes(platform, "hole/after", 97)
        wait_for(lambda: len(asked) > 20)
        with lock:
            assert asked[:3] == [(15, 16), (15, 1), (30, 1)] and (15, 16) not in asked[1:], asked[:6]
            asked.clear()
        # another setting of the device, and it is tried anew
        status, _, _ = platform.call("PATCH", f"/api/v1/devices/{made['hole']}", {"config": {"unit": 1, "max_registers": 100}})
        assert status == 200
        wait_for(lambda: (15, 16) in asked, what="the hole is tried again")


def test_registers_counted_otherwise_are_shifted(platform):
    with Gateway(lambda client, ask: [client.sendall(ask(read_frame(client))) for _ in iter(int, 1)]) as g:
        read_from(platform, "shifted", "modbus-tcp", {"host": "127.0.0.1", "port": g.port}, {"shift": ({"shift": -1}, {"w": ("HR10", "u16")})})
        becomes(platform, "shift/w", 9 * 3 + 7)
        assert ModbusTcpClient("127.0.0.1", port=g.port).connect()
