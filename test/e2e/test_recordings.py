"""Peer: pymodbus 3.16.1 (PyPI). Real recordings (SKAB, NAB) served by its Modbus TCP server, read by the platform, read back by REST.

The server puts a row number beside the values and steps only after that number was read. So numbers must come without gap or
repeat, each value must be bit-equal to the float32 or int16 of the recording, and its time must lie between the read of its row
and the read of the next. The same recordings sent by line protocol must read back equal to the nanosecond, bit-equal.
"""
import asyncio
import csv
import datetime
import os
import struct
import threading
import time

import pytest

import tenon

pymodbus = pytest.importorskip("pymodbus")
from pymodbus.server import ModbusTcpServer  # noqa: E402
from pymodbus.simulator import DataType, SimData, SimDevice  # noqa: E402

ALL = os.environ.get("TENON_TEST_ALL")          # every row; otherwise a fixed sample
ORDERS = {"ABCD": (0, 1, 2, 3), "CDAB": (2, 3, 0, 1), "BADC": (1, 0, 3, 2), "DCBA": (3, 2, 1, 0)}
DATA = tenon.SHARED / "data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="../shared/data is absent")


def recording(name):
    path = DATA / name
    with open(path, newline="") as f:
        rows = list(csv.reader(f, delimiter=";" if "skab" in name else ","))
    columns = [i for i, c in enumerate(rows[0]) if c not in ("datetime", "timestamp", "anomaly", "changepoint")]
    stamps = [datetime.datetime.fromisoformat(r[0]).replace(tzinfo=datetime.timezone.utc) for r in rows[1:]]
    values = [[float(r[i]) for i in columns] for r in rows[1:]]
    return [rows[0][i].strip().lower().replace(" ", "_") for i in columns], stamps, values


def f32(v):
    return struct.unpack(">f", struct.pack(">f", v))[0]


def i16(v, factor):
    return max(-32768, min(32767, round(v * factor)))


class Rows:
    """Registers 0-1: row number (u32). Then each column as float32 in four byte orders, then each as int16 × factor."""
    SIZE = 125

    def __init__(self, values, factor):
        self.rows, self.factor, self.row, self.read_ns, self.was_read = values, factor, 0, [], False
        self.device = SimDevice(1, simdata=[SimData(0, values=self.registers(), datatype=DataType.REGISTERS)], action=self.on_access)

    def registers(self):
        raw = [struct.pack(">I", self.row)]
        for v in self.rows[self.row]:
            b = struct.pack(">f", v)
            raw += [bytes(b[i] for i in order) for order in ORDERS.values()]
        raw += [struct.pack(">h", i16(v, self.factor)) for v in self.rows[self.row]]
        words = b"".join(raw).ljust(2 * self.SIZE, b"\0")
        return list(struct.unpack(f">{self.SIZE}H", words))

    async def on_access(self, function_code, start_address, address, count, current_registers, set_values):
        if address > 1:                         # the row number is not among what is read
            return None
        if self.was_read and self.row + 1 < len(self.rows):
            self.row += 1
            current_registers[:] = self.registers()
        if len(self.read_ns) == self.row or self.row + 1 == len(self.rows):
            self.read_ns.append(time.time_ns())
        self.was_read = True
        return None


class Server:
    """pymodbus on its own thread and port."""

    def __init__(self, block):
        self.block, self.ready = block, threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True).start()
        assert self.ready.wait(20)

    async def _run(self):
        self.server = ModbusTcpServer([self.block.device], address=("127.0.0.1", 0))
        self.loop = asyncio.get_running_loop()
        task = asyncio.create_task(self.server.serve_forever())
        while not (self.server.transport and self.server.transport.sockets):
            await asyncio.sleep(0.01)
        self.port = self.server.transport.sockets[0].getsockname()[1]
        self.ready.set()
        try:
            await task
        except asyncio.CancelledError:
            pass

    def stop(self):
        asyncio.run_coroutine_threadsafe(self.server.shutdown(), self.loop).result(10)


SETS = [("skab/valve1/0.csv", 100, None), ("nab/ambient_temperature_system_failure.csv", 100, 1200),
        ("nab/machine_temperature_system_failure.csv", 100, 1200)]
if ALL:
    SETS = [(str(f.relative_to(DATA)), 100, None) for folder in ("skab", "nab") for f in sorted((DATA / folder).rglob("*.csv"))]


@needs_data
@pytest.mark.parametrize("name,factor,sample", SETS)
def test_a_recording_arrives_row_by_row_bit_by_bit(platform, name, factor, sample):
    columns, _, values = recording(name)
    values = values[:sample]
    block = Rows(values, factor)
    server = Server(block)
    code = name.replace("/", "-").replace(".csv", "")
    connection = platform.make("connections", code=code, driver="modbus-tcp", config={"host": "127.0.0.1", "port": server.port})
    device = platform.make("devices", code=code, connection=connection["id"])
    group = platform.make("groups", code="rows", device=device["id"], period_ms=10, enabled=False)
    lines, address = ["group,code,address,type,byte_order,scale"], 2
    lines.append(f"{group['id']},row,HR0,u32,ABCD,1")
    for c in columns:
        for order in ORDERS:
            lines.append(f"{group['id']},{c}-{order},HR{address},f32,{order},1")
            address += 2
    for c in columns:
        lines.append(f"{group['id']},{c}-int,HR{address},i16,device,{1 / factor!r}")
        address += 1
    status, _, done = platform.call("POST", "/api/v1/points/import", "\r\n".join(lines), headers={"Content-Type": "text/csv"})
    assert status == 200 and done["created"] == len(lines) - 1, done
    status, _, body = platform.call("PATCH", f"/api/v1/groups/{group['id']}", {"enabled": True})
    assert status == 200, body
    tenon.wait_for(lambda: block.row + 1 == len(values) and len(block.read_ns) > len(values) + 1, 60 + len(values) / 30, "the last row is read")
    platform.call("PATCH", f"/api/v1/groups/{group['id']}", {"enabled": False})
    server.stop()

    path = lambda c: f"{code}/{c}"  # noqa: E731
    def rows():             # what was read is in the history a moment later
        got = platform.query([path("row")])[path("row")]
        return got if len(values) - 1 in got["v"] else None

    got = tenon.wait_for(rows, what="the last row is in the history")
    good = [i for i, q in enumerate(got.get("q") or [0] * len(got["t"])) if q == 0]
    numbers = [got["v"][i] for i in good]
    times = [got["t"][i] * 1000 + (got["ns"][i] if "ns" in got else 0) for i in good]
    first_of_last = numbers.index(len(values) - 1)
    assert numbers[:first_of_last + 1] == list(range(len(values))), "a row number is missing or repeated"
    assert set(numbers[first_of_last:]) == {len(values) - 1}
    for row in range(len(values) - 1):
        assert block.read_ns[row] <= times[row] <= block.read_ns[row + 1], f"row {row}: {times[row]}"
    for at, column in enumerate(columns):
        for order in ORDERS:
            series = platform.query([path(f"{column}-{order}")])[path(f"{column}-{order}")]
            assert series["type"] == "f32"
            mine = [series["v"][i] for i in good[:len(values)]]
            assert [struct.pack(">f", v) for v in mine] == [struct.pack(">f", f32(r[at])) for r in values], f"{column} {order}"
        series = platform.query([path(f"{column}-int")])[path(f"{column}-int")]
        mine = [series["v"][i] for i in good[:len(values)]]
        assert [struct.pack(">d", v) for v in mine] == [struct.pack(">d", i16(r[at], factor) * (1 / factor)) for r in values], column


@needs_data
@pytest.mark.parametrize("name", [s[0] for s in SETS] + ([] if ALL else ["skab/anomaly-free/anomaly-free.csv"]))
def test_a_recording_sent_in_reads_back_to_the_nanosecond(platform, name):
    columns, stamps, values = recording(name)
    measurement = "sent-" + name.replace("/", "-").replace(".csv", "")
    want, lines = {}, []
    for i, (stamp, row) in enumerate(zip(stamps, values)):
        ns = int(stamp.timestamp()) * 10**9 + i % 1000 * 1001 % 10**9      # odd nanoseconds, too
        want[ns] = row                                                      # the recordings repeat instants: the last one stands
        lines.append(f"{measurement} {','.join(f'{c}={v!r}' for c, v in zip(columns, row))} {ns}")
    for at in range(0, len(lines), 5000):
        status, _, body = platform.call("POST", "/api/v1/write", "\n".join(lines[at:at + 5000]), headers={"Content-Type": "text/plain"})
        assert status == 204, body
    for at, column in enumerate(columns):
        key = f"{measurement}/{column}"
        start, end = min(stamps).isoformat().replace("+00:00", "Z"), "2030-01-01T00:00:00Z"
        series = tenon.wait_for(lambda: (lambda s: s if len(s["t"]) == len(want) else None)(
            platform.query([key], start, end).get(key, {"t": []})), 20, "all samples can be read")
        times = [t * 1000 + (series["ns"][i] if "ns" in series else 0) for i, t in enumerate(series["t"])]
        assert times == sorted(want)
        assert [struct.pack(">d", v) for v in series["v"]] == [struct.pack(">d", want[t][at]) for t in times]
