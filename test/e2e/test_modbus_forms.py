"""Forms of values against pymodbus: halves, decimal digits, texts, arrays, objects of identification. Registers are made by Python's struct and codecs."""
import struct

import pytest

pytest.importorskip("pymodbus", reason="pymodbus is not in build/venv")
from pymodbus.pdu.device import ModbusDeviceIdentification  # noqa: E402
from pymodbus.server import ModbusTcpServer  # noqa: E402
from pymodbus.simulator import DataType, SimData, SimDevice  # noqa: E402

from modbus_peer import Serving, becomes, f32, read_from  # noqa: E402
from tenon import free_ports  # noqa: E402


def words(data):
    data += b"\0" * (len(data) % 2)
    return list(struct.unpack(f">{len(data) // 2}H", data))


def swapped(data):
    return b"".join(data[i + 1:i + 2] + data[i:i + 1] for i in range(0, len(data), 2))


def test_every_form_has_the_value_the_device_holds(platform):
    held, points, want = [], {}, {}

    def hold(name, address, kind, data, value):
        points[name] = (address.format(sum(len(h) for h in held)), kind)
        want[name] = value
        held.append(words(data))

    hold("half", "HR{}:f16", "f32", struct.pack(">e", 0.1), f32(struct.unpack(">e", struct.pack(">e", 0.1))[0]))
    hold("half64", "HR{}:f16#BA", "f64", struct.pack("<e", -2.5), -2.5)
    hold("bcd16", "HR{}:bcd", "u16", bytes.fromhex("1234"), 1234)
    hold("bcd32", "HR{}:bcd#CDAB", "u32", bytes.fromhex("56781234"), 12345678)
    hold("gbk", "HR{}/6:gbk", "string", "1#温度".encode("gbk").ljust(12, b" "), "1#温度")
    hold("utf8", "HR{}/6", "string", "泵 2".encode().ljust(12, b"\0"), "泵 2")
    hold("swapped", "HR{}/4:ascii#BADC", "string", swapped(b"PUMP-07\0"), "PUMP-07")
    hold("array", "HR{}[2]", "f32", struct.pack(">4f", 1, 2, 3.25, 4), 3.25)
    hold("texts", "HR{}[1]/2", "string", b"ONE\0TWO\0", "TWO")
    hold("bits", "HR{}.0[17]", "bool", bytes.fromhex("00000002"), True)
    points |= {"maker": ("ID0", "string"), "revision": ("ID2", "string")}
    want |= {"maker": "Werk 7", "revision": "V2.11"}
    flat = [w for h in held for w in h]
    identity = ModbusDeviceIdentification(info_name={"VendorName": "Werk 7", "ProductCode": "X", "MajorMinorRevision": "V2.11"})
    port = free_ports()
    with Serving(lambda: ModbusTcpServer([SimDevice(1, [SimData(0, values=flat, datatype=DataType.REGISTERS)])], identity=identity,
                                         address=("127.0.0.1", port))):
        read_from(platform, "forms", "modbus-tcp", {"host": "127.0.0.1", "port": port}, {"forms": ({}, points)})
        for name, value in want.items():
            becomes(platform, f"forms/{name}", value)
