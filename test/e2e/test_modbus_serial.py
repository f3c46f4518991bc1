"""Serial lines against pymodbus over two pseudo terminals: RTU and ASCII, many units, a dead one, echo, noise, lateness, RTU over TCP."""
import threading
import time

import pytest

pytest.importorskip("pymodbus", reason="pymodbus is not in build/venv")
pytest.importorskip("serial", reason="pyserial is not in build/venv")
from pymodbus import FramerType  # noqa: E402
from pymodbus.framer import FramerRTU  # noqa: E402
from pymodbus.server import ModbusSerialServer, ModbusTcpServer  # noqa: E402
from pymodbus.simulator import DataType, SimData, SimDevice  # noqa: E402

from modbus_peer import NullModem, Serving, becomes, f32, history, last, link, read_from  # noqa: E402
from tenon import free_ports, wait_for  # noqa: E402

POINTS = {"word": ("HR0", "u16", "rw"), "real": ("HR10", "f32"), "coil": ("C1", "bool"), "input": ("IR5", "i16")}


def unit(n):
    return SimDevice(n, ([SimData(0, values=[False, True, False], datatype=DataType.BITS)],
                         [SimData(0, values=[True], datatype=DataType.BITS)],
                         [SimData(0, values=[1000 + n, 7, 8], datatype=DataType.REGISTERS), SimData(10, values=[n + 0.5], datatype=DataType.FLOAT32)],
                         [SimData(5, values=[65535 - n], datatype=DataType.REGISTERS)]))


def serial_server(port, units, framer=FramerType.RTU, trace=None):
    return Serving(lambda: ModbusSerialServer([unit(n) for n in units], framer=framer, port=port, baudrate=115200, trace_packet=trace))


def all_right(platform, device, n):
    becomes(platform, f"{device}/word", 1000 + n)
    becomes(platform, f"{device}/real", f32(n + 0.5))
    becomes(platform, f"{device}/coil", True)
    becomes(platform, f"{device}/input", -1 - n)


@pytest.mark.parametrize("mode", ["rtu", "ascii"])
def test_units_on_a_line_are_read_in_both_modes(platform, mode):
    with NullModem() as line, serial_server(line.right, [1, 2], FramerType(mode)):
        c, _ = read_from(platform, f"line-{mode}", "modbus-serial", {"device": line.left, "mode": mode, "baud": 115200},
                         {f"{mode}{n}": ({"unit": n}, POINTS) for n in (1, 2)})
        for n in (1, 2):
            all_right(platform, f"{mode}{n}", n)
        assert link(platform, c)["state"] == "up"


@pytest.mark.parametrize("framing", ["rtu", "ascii"])
def test_a_serial_server_passes_the_line_through_tcp(platform, framing):
    port = free_ports()
    with Serving(lambda: ModbusTcpServer([unit(5)], framer=FramerType(framing), address=("127.0.0.1", port))):
        read_from(platform, f"over-{framing}", "modbus-tcp", {"host": "127.0.0.1", "port": port, "framing": framing},
                  {f"over{framing}5": ({"unit": 5}, POINTS)})
        all_right(platform, f"over{framing}5", 5)


def test_one_dead_unit_of_thirty_two_costs_the_others_its_back_off_and_no_more(platform):
    """What the dead one costs is counted on the wire: its questions, each one answer time, and between two of them a pause that grows."""
    asked, lock, stream = {}, threading.Lock(), bytearray()

    def on_the_wire(data, to_right):          # every question on this line is 8 bytes
        if to_right:
            with lock:
                stream.extend(data)
                while len(stream) >= 8:
                    whole = FramerRTU.compute_CRC(stream[:6]) == int.from_bytes(stream[6:8], "big")
                    if whole:
                        asked[stream[0]] = asked.get(stream[0], 0) + 1
                    del stream[:8 if whole else 1]
        return data

    def trace(sending, data):
        return b"" if sending and data[0] == 17 else data

    with NullModem(on_the_wire) as line, serial_server(line.right, range(1, 33), trace=trace):
        c, made = read_from(platform, "bus32", "modbus-serial", {"device": line.left, "baud": 115200, "timeout_ms": 400},
                            {f"u{n}": ({"unit": n}, {"word": ("HR0", "u16")}) for n in range(1, 33)}, period_ms=500)
        others = {n: made[f"u{n}"] for n in range(1, 33) if n != 17}
        for n in others:
            becomes(platform, f"u{n}/word", 1000 + n)
        wait_for(lambda: link(platform, made["u17"])["state"] == "silent", seconds=60, what="the dead unit is known to be")
        with lock:
            asked.clear()
        wait_for(lambda: asked.get(17, 0) >= 2 and asked.get(1, 0) >= 8, 90, "the dead unit is asked now and then, the others go on")
        with lock:
            dead, lived = asked[17], {n: asked.get(n, 0) for n in others}
        assert min(lived.values()) >= max(lived.values()) / 2, (dead, lived)
        assert dead <= max(lived.values()) / 2, (dead, lived)
        wait_for(lambda: [n for n, ident in made.items() if link(platform, ident)["state"] != "up"] == ["u17"], 60, "the others are up, it is not")
        assert last(platform, "u17/word") in (None, (None, False))


def test_an_adapter_that_echoes_is_learnt(platform):
    with NullModem() as line:
        line.pass_on = lambda data, to_right: (line.put(data, False) if to_right else None, data)[1]
        with serial_server(line.right, [3]):
            c, _ = read_from(platform, "echo", "modbus-serial", {"device": line.left, "baud": 115200}, {"echo3": ({"unit": 3}, POINTS)})
            all_right(platform, "echo3", 3)
            seen = link(platform, c)
            assert seen["wrong"] == 0, seen         # how often it timed out depends on the machine


def test_noise_damage_and_lateness_never_become_values(platform):
    """Every answer holds the number of its request in the second register of a pair; what is stored must fit to itself."""
    count = [0]

    def soil(data, to_right):
        if to_right:
            return data
        count[0] += 1
        kind = count[0] % 7
        if kind == 1:
            return b"\xff\x00\x03" + data               # noise in front
        if kind == 3:
            return data[:-1] + bytes([data[-1] ^ 0x40])  # wrong CRC
        if kind == 5:
            return data[:-3]                            # cut off
        if kind == 6:
            time.sleep(0.25)                            # too late: the question was given up meanwhile
        return data

    with NullModem(soil) as line, serial_server(line.right, [4, 6]):
        c, made = read_from(platform, "soiled", "modbus-serial", {"device": line.left, "baud": 115200, "timeout_ms": 100},
                            {f"soiled{n}": ({"unit": n}, {"word": ("HR0", "u16"), "two": ("HR1", "u16"), "real": ("HR10", "f32")})
                             for n in (4, 6)}, period_ms=100)
        wait_for(lambda: count[0] >= 60 and link(platform, c)["wrong"] >= 2 and link(platform, c)["timeouts"] >= 2, 120, "every kind of harm")
        line.pass_on = None
        for n in (4, 6):
            for point, value in (("word", 1000 + n), ("two", 7), ("real", f32(n + 0.5))):
                becomes(platform, f"soiled{n}/{point}", value)
                s = history(platform, f"soiled{n}/{point}")
                assert {v for v in s["v"] if v is not None} == {value}, (n, point)


def test_a_port_that_is_not_there_says_so_and_comes_back(platform):
    c, _ = read_from(platform, "no-port", "modbus-serial", {"device": "/dev/tenon-no-such-port"}, {"np1": ({"unit": 1}, {"w": ("HR0", "u16")})})
    down = wait_for(lambda: (s := link(platform, c))["state"] == "down" and s, what="it is down")
    assert "tenon-no-such-port" in str(down["reason"]), down
    with NullModem() as line, serial_server(line.right, [1]):
        status, _, body = platform.call("PATCH", f"/api/v1/connections/{c}", {"config": {"device": line.left, "baud": 115200}})
        assert status == 200, body
        becomes(platform, "np1/w", 1001)


def test_settings_that_no_line_has_are_refused(platform):
    for config, where in (({"device": "ttyS0"}, "/config/device"), ({"device": "/dev/ttyS0", "data_bits": 9}, "/config/data_bits"),
                          ({"device": "/dev/ttyS0", "mode": "hart"}, "/config/mode")):
        status, _, body = platform.call("POST", "/api/v1/connections", {"code": "bad", "driver": "modbus-serial", "config": config})
        assert status == 422 and body["errors"][0]["pointer"] == where, body
