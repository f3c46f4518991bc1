"""Writes in every frame, function and form to pymodbus' servers, which say what they were asked: on lines and through TCP."""
import threading

import pytest

pytest.importorskip("pymodbus", reason="pymodbus is not in build/venv")
pytest.importorskip("serial", reason="pyserial is not in build/venv")
from pymodbus import FramerType  # noqa: E402
from pymodbus.server import ModbusSerialServer, ModbusTcpServer  # noqa: E402
from pymodbus.simulator import DataType, SimData, SimDevice  # noqa: E402

from modbus_peer import NullModem, Serving, becomes, read_from  # noqa: E402
from tenon import free_ports  # noqa: E402

# point: address, type, value, function
POINTS = {
    "coil": ("C1", "bool", True, 5), "word": ("HR0", "u16", 4711, 6), "real": ("HR2", "f32", -12.5, 16), "half": ("HR6:f16", "f32", 0.25, 6),
    "bcd": ("HR8:bcd", "u32", 12345678, 16), "text": ("HR10/4:gbk", "string", "泵1", 16), "long": ("HR20#DCBA", "i64", -9007199254740991, 16),
    "element": ("HR30[3]", "u16", 7, 6),
}


def device(functions, lock):
    def seen(sending, pdu):
        if not sending:
            with lock:
                functions.append(pdu.function_code)
        return pdu

    return SimDevice(3, ([SimData(0, count=8, values=False, datatype=DataType.BITS)], [SimData(0, count=8, values=False, datatype=DataType.BITS)],
                         [SimData(0, count=60, values=0, datatype=DataType.REGISTERS)], [SimData(0, values=[1], datatype=DataType.REGISTERS)])), seen


def write_all(platform, code, driver, config, functions, settings=None):
    points = {name: (address, kind, "rw") for name, (address, kind, _, _) in POINTS.items()}
    read_from(platform, code, driver, config, {code: ({"unit": 3, **(settings or {})}, points)})
    becomes(platform, f"{code}/word", 0)
    asks = [{"point": f"{code}/{name}", "value": value} for name, (_, _, value, _) in POINTS.items()]
    status, _, body = platform.call("POST", "/api/v1/commands", {"commands": asks, "confirm": True})
    assert status == 200, body
    bad = {a["point"]: i["error"] for a, i in zip(asks, body["items"]) if i["error"]}
    assert not bad, bad
    for name, (_, _, value, _) in POINTS.items():
        becomes(platform, f"{code}/{name}", value)
    return [f for f in functions if f in (5, 6, 15, 16, 22, 23)]


@pytest.mark.parametrize("mode", ["rtu", "ascii"])
def test_a_line_is_written_to(platform, mode):
    functions, lock = [], threading.Lock()
    unit, seen = device(functions, lock)
    with NullModem() as line, Serving(lambda: ModbusSerialServer([unit], framer=FramerType(mode), port=line.right, baudrate=115200, trace_pdu=seen)):
        used = write_all(platform, f"wline{mode}", "modbus-serial", {"device": line.left, "mode": mode, "baud": 115200}, functions)
        assert sorted(used) == sorted(f for *_, f in POINTS.values()), used


def test_functions_follow_the_settings_of_the_device(platform):
    functions, lock = [], threading.Lock()
    unit, seen = device(functions, lock)
    port = free_ports()
    with Serving(lambda: ModbusTcpServer([unit], address=("127.0.0.1", port), trace_pdu=seen)):
        used = write_all(platform, "wtcp", "modbus-tcp", {"host": "127.0.0.1", "port": port}, functions, {"write_single": False, "write_read": True})
        assert set(used) == {15, 23}, used
