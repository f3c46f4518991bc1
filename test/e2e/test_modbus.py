"""The engine reads foreign devices: pymodbus' server, value by value; a load simulator, cycle by cycle (when ../shared has it)."""
import asyncio
import json
import os
import pathlib
import signal
import struct
import subprocess
import threading

import pytest

from tenon import free_ports, modsim

pymodbus = pytest.importorskip("pymodbus", reason="pymodbus is not installed")
from pymodbus.server import ModbusTcpServer  # noqa: E402
from pymodbus.simulator import DataType, SimData, SimDevice  # noqa: E402

TOP = pathlib.Path(os.environ.get("TENON_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("TENON_BUILD", TOP / "build"))
CC = os.environ.get("CC", "cc").split()[-1]
LIBRARIES = ["libuv", "libmicrohttpd", "jansson", "sqlite3", "libzstd", "libssl", "libcrypto", "libargon2"]


@pytest.fixture(scope="module")
def probe(tmp_path_factory):
    if not (BUILD / "libtenon.a").exists():
        pytest.skip("build/libtenon.a is not built")
    out = tmp_path_factory.mktemp("probe") / "linkprobe"
    libs = subprocess.run(["pkg-config", "--libs", *LIBRARIES], check=True, capture_output=True, text=True).stdout.split()
    subprocess.run([CC, "-O1", "-std=gnu11", "-D_GNU_SOURCE", "-I", TOP / "src", TOP / "test/e2e/linkprobe.c", BUILD / "libtenon.a",
                    *libs, "-lwslay", "-lm", "-lpthread", "-o", out], check=True)

    def run(*args, seconds=3, period=200, settings="", json_lines=True):
        command = [out, "--period", str(period), "--seconds", str(seconds), "--settings", settings]
        command += ["--json"] if json_lines else []
        done = subprocess.run([*command, *args], check=True, capture_output=True, text=True, timeout=60,
                              env={**os.environ, "TENON_LOG_LEVEL": "error"})
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return [r for r in rows if "s" in r], [r for r in rows if "planned" in r], rows[-1]

    return run


@pytest.fixture(scope="module")
def server():
    """Unit 1 with all four tables; what is not listed does not exist there and is answered with exception 02. Unit 9 hears and is mute."""
    registers = [
        SimData(0, values=[1, 65535, 4242], datatype=DataType.REGISTERS),
        SimData(10, values=[-12345678], datatype=DataType.INT32),
        SimData(12, values=[23.1], datatype=DataType.FLOAT32),
        SimData(14, values=[-1.7976931348623157e308], datatype=DataType.FLOAT64),
        SimData(18, values=[-9007199254740993], datatype=DataType.INT64),
        # a hole from 22 to 29
        SimData(30, values=[0x8001], datatype=DataType.REGISTERS),
        SimData(31, values=list(struct.unpack(">2H", struct.pack("<f", 1234.5))), datatype=DataType.REGISTERS),
        SimData(33, values=list(reversed(struct.unpack(">2H", struct.pack(">f", 99.25)))), datatype=DataType.REGISTERS),
    ]
    device = SimDevice(1, ([SimData(0, values=[True, False, True, True], datatype=DataType.BITS)],
                           [SimData(100, values=[False, True], datatype=DataType.BITS)],
                           registers, [SimData(5, values=[77], datatype=DataType.REGISTERS)]))
    port, loop, box = free_ports(), asyncio.new_event_loop(), {}
    ready = threading.Event()

    async def serve():
        mute = SimDevice(9, [SimData(0, values=[1], datatype=DataType.REGISTERS)])
        box["server"] = ModbusTcpServer([device, mute], address=("127.0.0.1", port),
                                        trace_packet=lambda sending, data: b"" if sending and data[6] == 9 else data)
        await box["server"].serve_forever(background=True)
        ready.set()

    thread = threading.Thread(target=lambda: (loop.run_until_complete(serve()), loop.run_forever()), daemon=True)
    thread.start()
    assert ready.wait(10)
    yield port
    asyncio.run_coroutine_threadsafe(box["server"].shutdown(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)


def last(samples):
    return {s["s"]: (s["v"], s["q"]) for s in samples}


def test_every_table_type_and_order_has_the_value_the_device_holds(probe, server):
    points = {
        "HR0:u16": 1, "40002:u16": 65535, "HR1:i16": -1, "400003:u16": 4242, "HR10:i32": -12345678,
        "HR12:f32": struct.unpack("f", struct.pack("f", 23.1))[0], "HR14:f64": -1.7976931348623157e308,
        "HR18:i64": -9007199254740993, "HR30.0:bool": True, "HR30.1:bool": False, "HR30.15:bool": True,
        "HR31#DCBA:f32": 1234.5, "4x34#CDAB:f32": 99.25, "C0:bool": True, "C1:bool": False, "00003:bool": True,
        "DI101:bool": True, "10101:bool": False, "IR5:u16": 77, "30006:u16": 77,
    }
    samples, groups, _ = probe(f"127.0.0.1:{server}", *points)
    got = last(samples)
    for i, (point, value) in enumerate(points.items()):
        assert got.get(i, (None, "never seen"))[1] == "good", point
        v = got[i][0]
        assert (struct.unpack("f", struct.pack("f", v))[0] if point.endswith("f32") else v) == value, point
    assert groups[0]["failed"] == 0 and groups[0]["done"] >= 5


def test_a_register_the_device_lacks_costs_only_itself(probe, server):
    samples, groups, _ = probe(f"127.0.0.1:{server}", "HR10:i32", "HR12:f32", "HR25:u16", "HR30:u16")
    got = last(samples)
    assert [got[i][1] for i in range(4)] == ["good", "good", "bad_address", "good"]
    assert len([s for s in samples if s["s"] == 2]) == 1, "a bad quality is said once"
    assert groups[0]["state"] == "partly"


def test_a_unit_that_is_mute_is_bad_and_its_neighbour_is_not(probe, server):
    samples, groups, _ = probe(f"127.0.0.1:{server}", "HR0:u16", f"127.0.0.1:{server}/9", "HR0:u16", settings='"timeout_ms":200')
    got = last(samples)
    assert got[0] == (1, "good")
    assert got[1][0] is None and got[1][1] == "bad_no_communication"


def test_a_device_that_dies_and_comes_back(probe):
    """The foreign server is killed in the middle: bad at once, good again when it is back, without a restart of ours."""
    port = free_ports()
    script = ("import asyncio;from pymodbus.server import ModbusTcpServer;from pymodbus.simulator import *\n"
              "async def go():\n s=ModbusTcpServer([SimDevice(1,[SimData(0,values=[7],datatype=DataType.REGISTERS)])],"
              f"address=('127.0.0.1',{port}))\n await s.serve_forever()\nasyncio.run(go())\n")
    python = pathlib.Path(os.sys.executable)
    child = subprocess.Popen([python, "-c", script], stderr=subprocess.DEVNULL)
    box = {}
    try:
        reader = threading.Thread(target=lambda: box.update(all=probe(f"127.0.0.1:{port}", "HR0:u16", seconds=9)[0]))
        reader.start()
        timer = threading.Event()
        timer.wait(3)
        child.kill()
        child.wait()
        timer.wait(1.5)
        child = subprocess.Popen([python, "-c", script], stderr=subprocess.DEVNULL)
        reader.join(60)
    finally:
        child.kill()
        child.wait()
    said = []
    for s in box["all"]:
        if not said or said[-1] != s["q"]:
            said.append(s["q"])
    # the server needs a moment to start, so the first thing said may be that it is not there
    assert said[-3:] == ["good", "bad_not_connected", "good"], said


def test_ten_devices_of_a_thousand_floats_are_read_whole(probe, tmp_path):
    """The simulator counts from the device's side; every value can be checked against its formula's step of 1/16."""
    with open(tmp_path / "sim.json", "w+") as out:
        sim, base = modsim(10, "--registers", 2008, stdout=out)
        if not sim:
            pytest.skip("../shared/tools/modsim.c is not here")
        args = [a for i in range(10) for a in (f"127.0.0.1:{base + i}", "HR8:f32*1000")]
        _, groups, total = probe(*args, seconds=5, period=1000, json_lines=False)
        sim.send_signal(signal.SIGTERM)
        sim.wait(10)
        out.seek(0)
        seen = json.loads(out.read().split("\n\n")[0])
    assert seen["exceptions"] == 0 and seen["unanswered"] == 0
    assert all(d["accepted"] == 1 and d["bad_frames"] == 0 for d in seen["device"])
    # 125 registers a request: 62 floats, so 17 requests for 1,000
    assert all(g["requests"] == 17 and g["points"] == 1000 and g["failed"] == 0 for g in groups)
    # 996 points lie in the 1,992 registers that are plain floats; each group's samples are whole cycles
    assert all(g["done"] >= 3 and g["done"] + g["missed"] >= g["planned"] - 1 for g in groups)
    assert total["samples"] == sum(g["samples"] for g in groups)
