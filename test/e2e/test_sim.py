"""The simulated plant read by an independent client: pymodbus, by the point list that `tenon sim --points` prints."""
import csv
import io
import os
import pathlib
import signal
import subprocess
import time

import pytest

client_module = pytest.importorskip("pymodbus.client", reason="pymodbus is not in build/venv")

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = str(pathlib.Path(os.environ.get("TENON_BUILD", ROOT / "build")) / "tenon")
REGISTERS = {"i16": 1, "u16": 1, "u32": 2, "f32": 2, "u64": 4}


@pytest.fixture(scope="module")
def points():
    out = subprocess.run([PROGRAM, "sim", "--points"], capture_output=True, text=True, check=True).stdout
    return {row["code"]: row for row in csv.DictReader(io.StringIO(out))}


@pytest.fixture(scope="module")
def station():
    child = subprocess.Popen([PROGRAM, "sim", "--listen", "127.0.0.1:0", "--seed", "42", "--speed", "10"], stdout=subprocess.PIPE, text=True)
    line = child.stdout.readline()
    assert line.startswith("ready modbus 127.0.0.1:"), line
    client = client_module.ModbusTcpClient("127.0.0.1", port=int(line.rsplit(":", 1)[1]), timeout=5)
    assert client.connect()
    yield client
    client.close()
    child.send_signal(signal.SIGTERM)
    assert child.wait(10) == 0


def decode(client, kind, registers):
    types = {"i16": client.DATATYPE.INT16, "u16": client.DATATYPE.UINT16, "u32": client.DATATYPE.UINT32,
             "f32": client.DATATYPE.FLOAT32, "u64": client.DATATYPE.UINT64}
    return client.convert_from_registers(registers, types[kind])


def read(client, row):
    table, at = row["address"][0], int(row["address"][1:]) - 1
    if row["type"] == "bool":
        answer = (client.read_coils if table == "0" else client.read_discrete_inputs)(at, count=1)
        assert not answer.isError(), answer
        return answer.bits[0]
    answer = (client.read_input_registers if table == "3" else client.read_holding_registers)(at, count=REGISTERS[row["type"]])
    assert not answer.isError(), answer
    return decode(client, row["type"], answer.registers) * float(row["scale"])


def write(client, row, value):
    table, at = row["address"][0], int(row["address"][1:]) - 1
    if table == "0":
        return client.write_coil(at, value)
    kind = client.DATATYPE.FLOAT32 if row["type"] == "f32" else client.DATATYPE.UINT16
    return client.write_registers(at, client.convert_to_registers(value if kind is client.DATATYPE.FLOAT32 else
                                                                  round(value / float(row["scale"])), kind))


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_every_point_of_the_list_can_be_read(station, points):
    assert len(points) > 40
    values = {code: read(station, row) for code, row in points.items()}
    assert 0 <= values["LT-102"] <= 5
    assert abs(values["LT-102.R"] - values["LT-102"]) < 0.2
    assert abs(values["STAMP"] / 1e6 - time.time()) < 600
    assert values["SIC-101"] == 90


def test_one_read_is_one_scan(station, points):
    seen = []
    for _ in range(50):
        answer = station.read_input_registers(0, count=38)
        seen.append((decode(station, "u64", answer.registers[0:4]), decode(station, "u64", answer.registers[4:8])))
    (scan, stamp), *rest = seen
    for later_scan, later_stamp in rest:
        assert later_stamp - stamp == (later_scan - scan) * 10_000      # µs: a scan takes 10 ms of its own time


def test_a_command_acts_on_the_physics(station, points):
    assert not write(station, points["HS-102"], False).isError()
    assert not write(station, points["HS-101"], True).isError()
    assert not write(station, points["ZIC-101"], 100.0).isError()
    assert wait_for(lambda: read(station, points["FT-101"]) > 60)
    pressure = read(station, points["PT-102"])
    assert not write(station, points["ZIC-101"], 5.0).isError()
    assert wait_for(lambda: read(station, points["FT-101"]) < 30)
    assert read(station, points["PT-102"]) > pressure + 20


def test_a_set_point_out_of_range_is_exception_three(station, points):
    answer = write(station, points["SIC-101"], 150.0)
    assert answer.isError() and answer.exception_code == 3
    assert read(station, points["SIC-101"]) == 90


def test_a_fault_shows_in_the_values(station, points):
    assert not write(station, points["HS-102"], False).isError()
    assert not write(station, points["HS-101"], True).isError()
    assert wait_for(lambda: read(station, points["ST-101"]) > 1200)
    assert wait_for(lambda: read(station, points["VT-101"]) < 4)
    assert not write(station, points["FAULT-UNBALANCE"], 100.0).isError()
    assert wait_for(lambda: read(station, points["VT-101"]) > 5)
    assert not write(station, points["FAULT-UNBALANCE"], 0.0).isError()


def test_another_unit_is_not_there(station):
    answer = station.read_coils(0, count=1, device_id=9)
    assert answer.isError() and answer.exception_code == 11


def test_it_says_who_it_is(station):
    answer = station.read_device_information(read_code=1)
    assert answer.information == {0: b"Tenon", 1: b"SIM-PUMP-STATION", 2: b"1.0"}
