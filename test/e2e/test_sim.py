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
from pymodbus.exceptions import ModbusException  # noqa: E402

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


# --- The other machines, each behind a port of its own; the meters behind one, as units -------------------------------------

MACHINES = ["pump", "oven", "cnc"]
METERS = {"main": 1, "pump": 2, "oven": 3, "cnc": 4}


class Plant:
    """Machines by name; a client each. `faults` as in --fault."""

    def __init__(self, machines, *options):
        self.child = subprocess.Popen([PROGRAM, "sim", "--listen", "127.0.0.1:0", "--machines", machines, "--seed", "7", *options],
                                      stdout=subprocess.PIPE, text=True)
        self.clients = {}
        for name in machines.split(","):
            line = self.child.stdout.readline()
            assert line.startswith("ready modbus 127.0.0.1:"), line
            self.clients[name] = client_module.ModbusTcpClient("127.0.0.1", port=int(line.rsplit(":", 1)[1]), timeout=5, retries=0)
            assert self.clients[name].connect()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for client in self.clients.values():
            client.close()
        self.child.send_signal(signal.SIGTERM)
        assert self.child.wait(10) == 0


def list_of(machine):
    out = subprocess.run([PROGRAM, "sim", "--machines", machine, "--points"], capture_output=True, text=True, check=True).stdout
    return {row["code"]: row for row in csv.DictReader(io.StringIO(out))}


class Unit:
    """One unit behind a port, with the calls of a client."""

    def __init__(self, client, unit):
        self.client, self.unit = client, unit

    def __getattr__(self, name):
        call = getattr(self.client, name)
        return (lambda *a, **k: call(*a, device_id=self.unit, **k)) if name.startswith(("read_", "write_")) else call


@pytest.fixture(scope="module")
def plant():
    with Plant("pump,oven,cnc,meters", "--speed", "20") as p:
        yield p


@pytest.mark.parametrize("machine", ["oven", "cnc", "meters"])
def test_every_point_of_each_machine_can_be_read(plant, machine):
    rows = list_of(machine)
    values = {code: read(plant.clients[machine], row) for code, row in rows.items()}
    assert len(values) >= 20 and values["SCAN"] >= 1
    if machine == "oven":
        assert [values[c] for c in ("TIC-201", "TIC-202", "TIC-203")] == [150, 180, 200]
        assert all(100 < values[c] < 230 for c in ("TT-201", "TT-202", "TT-203"))
    elif machine == "cnc":
        assert values["XS-300"] in (0, 1, 2, 3, 4) and rows["XS-300"]["state_texts"].startswith("0=")
    else:
        assert all(210 < values[c] < 245 for c in ("U1", "U2", "U3"))
        assert values["P"] == pytest.approx(values["P1"] + values["P2"] + values["P3"], abs=0.5)


def test_the_ovens_set_point_moves_its_zone(plant):
    oven, rows = plant.clients["oven"], list_of("oven")
    assert not write(oven, rows["TIC-203"], 225.0).isError()
    before = read(oven, rows["TT-203"])
    assert wait_for(lambda: read(oven, rows["TT-203"]) > before + 4)
    refused = write(oven, rows["TIC-203"], 300.0)
    assert refused.isError() and refused.exception_code == 3
    assert not write(oven, rows["TIC-203"], 200.0).isError()


def test_the_machining_centre_makes_parts(plant):
    cnc, rows = plant.clients["cnc"], list_of("cnc")
    before = read(cnc, rows["NQ-301"])
    assert wait_for(lambda: read(cnc, rows["NQ-301"]) > before)
    assert read(cnc, rows["KT-301"]) == pytest.approx(68, abs=0.5)


def test_the_main_meter_shows_the_sub_meters_and_the_losses(plant):
    rows = list_of("meters")
    meters = {name: Unit(plant.clients["meters"], unit) for name, unit in METERS.items()}

    def power():
        return {name: read(meter, rows["P"]) for name, meter in meters.items()}

    def agrees():       # four reads are not one moment: a pump may start between them
        p = power()
        parts = p["pump"] + p["oven"] + p["cnc"]
        return parts - 0.2 < p["main"] < parts * 1.05 + 0.2
    assert wait_for(agrees), power()
    energy = {name: read(meter, rows["EP.L"]) for name, meter in meters.items()}
    assert wait_for(lambda: read(meters["main"], rows["EP.L"]) > energy["main"])
    nobody = plant.clients["meters"].read_input_registers(0, count=2, device_id=5)
    assert nobody.isError() and nobody.exception_code == 11
    for unit in (1, 4):
        assert plant.clients["meters"].read_device_information(device_id=unit).information[1] == b"SIM-ENERGY-METER"


def test_a_dead_unit_is_silent_and_its_neighbours_are_not():
    with Plant("pump,oven,meters", "--fault", "4.dead") as p:       # machines in order: pump, oven, main meter, the pump's
        client = p.clients["meters"]
        assert not client.read_input_registers(0, count=4, device_id=1).isError()
        assert not client.read_input_registers(0, count=4, device_id=3).isError()
        client.comm_params.timeout_connect = 0.3
        with pytest.raises(ModbusException):
            client.read_input_registers(0, count=4, device_id=2)


def test_a_slow_unit_answers_late_and_rightly():
    with Plant("oven", "--fault", "oven.slow") as p:
        began = time.monotonic()
        answer = p.clients["oven"].read_input_registers(0, count=8)
        assert not answer.isError() and len(answer.registers) == 8
        assert time.monotonic() - began >= 0.8          # it may take longer, never less


def test_a_confused_unit_answers_with_fewer_registers_or_with_an_exception():
    with Plant("cnc", "--fault", "cnc.wrong=1") as p:
        client = p.clients["cnc"]
        assert len(client.read_input_registers(0, count=30).registers) == 22
        assert client.read_input_registers(8, count=1).exception_code == 4
        assert client.write_coil(0, True).exception_code == 4


def test_a_disturbed_line_scatters_the_values():
    rows = list_of("oven")

    def spread(*options):
        with Plant("oven", "--speed", "10", *options) as p:
            seen, scans = [], set()
            while len(scans) < 40:
                scan = read(p.clients["oven"], rows["SCAN"])
                if scan not in scans:
                    scans.add(scan)
                    seen.append(read(p.clients["oven"], rows["TT-230"]))
            return max(seen) - min(seen)
    assert spread() < 1 and spread("--fault", "oven.noise") > 4


@pytest.mark.parametrize("options, sentence", [
    (["--machines", "pump,boiler"], "boiler"), (["--machines", "meters"], "meters"), (["--machines", "meters,pump"], "meters"),
    (["--fault", "pump.gremlins"], "gremlins"), (["--fault", "7.leak"], "7"), (["--fault", "pump.leak=2"], "FAULT-LEAK"), (["--fault", "leak"], "leak")])
def test_what_cannot_be_simulated_is_said(options, sentence):
    done = subprocess.run([PROGRAM, "sim", "--listen", "127.0.0.1:0", *options], capture_output=True, text=True, timeout=20)
    assert done.returncode != 0 and sentence in done.stderr and not done.stdout
