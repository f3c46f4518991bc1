"""What passes on a connection: in words of both languages, as a capture that tshark reads without a complaint, over the command line."""
import shutil
import subprocess

import pytest

pytest.importorskip("pymodbus", reason="pymodbus is not in build/venv")
from pymodbus.server import ModbusSerialServer, ModbusTcpServer  # noqa: E402
from pymodbus.simulator import DataType, SimData, SimDevice  # noqa: E402

import tenon  # noqa: E402
from modbus_peer import NullModem, Serving, becomes, read_from  # noqa: E402
from tenon import free_ports, wait_for  # noqa: E402


def device():
    return SimDevice(7, [SimData(0, values=[11, 22, 33], datatype=DataType.REGISTERS)])


@pytest.fixture(scope="module")
def socket_link(platform):
    port = free_ports()
    with Serving(lambda: ModbusTcpServer([device()], address=("127.0.0.1", port))):
        c, _ = read_from(platform, "framed", "modbus-tcp", {"host": "127.0.0.1", "port": port},
                         {"framed": ({"unit": 7}, {"w": ("HR1", "u16"), "none": ("HR40", "u16")})})
        becomes(platform, "framed/w", 22)
        yield c


@pytest.fixture(scope="module")
def line_link(platform):
    with NullModem() as line, Serving(lambda: ModbusSerialServer([device()], port=line.right, baudrate=115200)):
        c, _ = read_from(platform, "framed-line", "modbus-serial", {"device": line.left, "baud": 115200},
                         {"framedline": ({"unit": 7}, {"w": ("HR1", "u16")})})
        becomes(platform, "framedline/w", 22)
        yield c


def frames(platform, c, after=0, lang="en"):
    status, _, body = platform.call("GET", f"/api/v1/links/{c}/frames?after={after}&limit=1000", headers={"Accept-Language": lang})
    assert status == 200, body
    return body


def test_frames_are_told_in_words_of_both_languages(platform, socket_link):
    body = wait_for(lambda: (b := frames(platform, socket_link))["last"] > 20 and b)
    items = body["items"]
    assert items[0]["kind"] == "opened" and [i["seq"] for i in items] == list(range(1, items[-1]["seq"] + 1))
    texts = {i["text"] for i in items}
    assert "unit 7: read holding registers HR1" in texts, texts
    assert "unit 7: answer: read holding registers HR1 = 22" in texts, texts
    assert any("exception 02" in t and t.startswith("unit 7: refused: ") for t in texts), texts
    out = next(i for i in items if i["text"] == "unit 7: read holding registers HR1")
    assert out["kind"] == "out" and out["bytes"].endswith("00 00 00 06 07 03 00 01 00 01")
    answer = next(i for i in items if i["text"].endswith("HR1 = 22"))
    assert answer["result"] == "answer" and answer["bytes"].endswith("07 03 02 00 16") and answer["bytes"][:5] == items[answer["seq"] - 2]["bytes"][:5]
    chinese = {i["text"] for i in frames(platform, socket_link, lang="zh")["items"]}
    assert "从站 7：读保持寄存器 HR1" in chinese and "从站 7：应答：读保持寄存器 HR1 = 22" in chinese, chinese


def test_what_is_new_comes_by_its_number(platform, socket_link):
    first = frames(platform, socket_link)
    later = wait_for(lambda: (b := frames(platform, socket_link, first["last"]))["last"] > first["last"] + 4 and b)
    assert later["items"][0]["seq"] == first["last"] + 1
    assert all("read holding" in i["text"] for i in later["items"] if i.get("result") == "answer"), "answers find their questions"


def test_a_line_is_told_too(platform, line_link):
    texts = {i["text"] for i in frames(platform, line_link)["items"]}
    assert {"unit 7: read holding registers HR1", "unit 7: answer: read holding registers HR1 = 22"} <= texts, texts


def tshark(path, *options):
    done = subprocess.run(["tshark", "-r", str(path), *options], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("kind", ["socket", "line"])
def test_tshark_reads_the_capture(platform, socket_link, line_link, tmp_path, kind):
    if not shutil.which("tshark"):
        pytest.skip("tshark is not installed")
    c = socket_link if kind == "socket" else line_link
    status, head, data = platform.call("GET", f"/api/v1/links/{c}/frames.pcap", raw=True)
    assert status == 200 and head["Content-Type"] == "application/vnd.tcpdump.pcap"
    path = tmp_path / "frames.pcap"
    path.write_bytes(data)
    decode = [] if kind == "socket" else ["-d", "rtacser.data,mbrtu"]
    rows = [r.split("\t") for r in tshark(path, *decode, "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-T", "fields",
                                          "-e", "modbus.func_code", "-e", "modbus.regval_uint16", "-e", "_ws.malformed", "-e", "_ws.expert.message")]
    seen = frames(platform, c)["items"]
    assert len(rows) >= 6 and len(rows) <= len(seen) + 50
    assert all(r[0] == "3" for r in rows), rows[:5]
    assert any(r[1] == "22" for r in rows)
    assert not any(r[2] for r in rows), rows
    complaints = {m for r in rows for m in r[3].split(",") if m and "exception" not in m.lower()}
    assert not complaints, complaints


def test_the_command_line_shows_and_saves_them(platform, socket_link, tmp_path):
    env = {"TENON_SERVER": platform.url, "TENON_TOKEN": platform.sign_in(name="cli-frames"), "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"}

    def run(*args):
        return subprocess.run([tenon.PROGRAM, "link", *args], capture_output=True, text=True, env=env, timeout=60)

    shown = run("frames", socket_link)
    assert shown.returncode == 0 and "read holding registers HR1 = 22" in shown.stdout, shown
    saved = run("frames", socket_link, "--pcap", str(tmp_path / "x.pcap"))
    assert saved.returncode == 0 and (tmp_path / "x.pcap").read_bytes()[:4] == b"\xd4\xc3\xb2\xa1", saved
    assert run("dial-ins").returncode == 0
    assert run("frames", "00000000-0000-0000-0000-000000000000").returncode == 66
