"""The simulated stations on a serial line, asked by mbpoll (libmodbus) and by pymodbus' clients; the platform reads them over the same line."""
import re
import shutil
import signal
import subprocess

import pytest

pytest.importorskip("serial", reason="pyserial is not in build/venv")
client_module = pytest.importorskip("pymodbus.client", reason="pymodbus is not in build/venv")
from pymodbus import FramerType  # noqa: E402

from modbus_peer import NullModem, last, read_from  # noqa: E402
from tenon import PROGRAM, wait_for  # noqa: E402


@pytest.fixture(params=["rtu", "ascii"])
def line(request):
    with NullModem() as modem:
        options = ["--ascii"] if request.param == "ascii" else []
        child = subprocess.Popen([PROGRAM, "sim", "--listen", "127.0.0.1:0", "--stations", "2", "--serial", modem.right, "--baud", "19200", *options],
                                 stdout=subprocess.PIPE, text=True)
        assert child.stdout.readline().startswith("ready modbus")
        yield request.param, modem.left
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == 0


def mbpoll(mode, port, *options):
    # a pseudo terminal knows no parity and no seven bits
    return subprocess.run(["mbpoll", "-m", mode, "-b", "19200", "-P", "none", "-d", "8", "-s", "1", "-1", "-q", "-o", "2", *options[:-1], port,
                           *([options[-1]] if options[-1] else [])], capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize("line", ["rtu"], indirect=True)        # libmodbus has no ASCII
def test_mbpoll_reads_and_writes(line):
    _, port = line
    if not shutil.which("mbpoll"):
        pytest.skip("mbpoll is not installed")
    for unit in ("1", "2"):
        done = mbpoll("rtu", port, "-a", unit, "-t", "3", "-r", "1", "-c", "30", "")
        assert done.returncode == 0 and len(re.findall(r"^\[\d+\]:", done.stdout, re.M)) == 30, done
    # a coil (functions 1 and 5), a bit that nobody has
    assert mbpoll("rtu", port, "-a", "1", "-t", "0", "-r", "2", "1").returncode == 0
    read = mbpoll("rtu", port, "-a", "1", "-t", "0", "-r", "2", "")
    assert re.search(r"\[2\]:\s+1", read.stdout), read
    missing = mbpoll("rtu", port, "-a", "1", "-t", "4", "-r", "30000", "")
    assert "Illegal data address" in missing.stderr + missing.stdout, missing
    nobody = mbpoll("rtu", port, "-a", "9", "-t", "3", "-r", "1", "")
    assert "timed out" in nobody.stderr + nobody.stdout, nobody


def test_pymodbus_reads_and_writes(line):
    mode, port = line
    client = client_module.ModbusSerialClient(port, framer=FramerType(mode), baudrate=19200, timeout=3)
    assert client.connect()
    try:
        for unit in (1, 2):
            assert not client.read_input_registers(0, count=30, device_id=unit).isError()
        old = client.read_holding_registers(0, count=2, device_id=2).registers
        assert not client.write_registers(0, old, device_id=2).isError()
        assert client.read_holding_registers(30000, count=1, device_id=1).exception_code == 2
        who = client.read_device_information(device_id=1)
        assert who.information[0] == b"Tenon"
    finally:
        client.close()


def test_the_platform_reads_what_the_simulator_serves(platform, line):
    mode, port = line
    read_from(platform, f"sim-{mode}", "modbus-serial", {"device": port, "mode": mode, "baud": 19200},
              {f"sim{mode}{n}": ({"unit": n}, {"scan": ("30001", "u64")}) for n in (1, 2)})
    for n in (1, 2):
        first = wait_for(lambda: (v := last(platform, f"sim{mode}{n}/scan")) and v[1] and v[0])
        wait_for(lambda: last(platform, f"sim{mode}{n}/scan")[0] > first, what="time goes on")
