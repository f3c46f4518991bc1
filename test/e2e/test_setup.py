"""Peers: zbarimg 0.23 (Debian zbar-tools) reads the QR code, Python's ssl the certificate; configparser the file. `tenon setup` from nothing to signed in."""
import codecs
import configparser
import fcntl
import hashlib
import json
import os
import pathlib
import pty
import re
import select
import shutil
import socket
import ssl
import struct
import subprocess
import termios
import urllib.request

import pytest

import tenon

PASSWORD = "correct horse battery"


def setup(folder, *args, code=0, lang="en"):
    done = subprocess.run([tenon.PROGRAM, "setup", "--yes", "--config", "tenon.conf", *args], cwd=folder, capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, env={**os.environ, "TENON_LANG": lang})
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stderr


def said(text, what):
    return next(line[15:] for line in text.splitlines() if line.startswith(what))


def values(folder):
    conf = configparser.ConfigParser()
    conf.read(folder / "tenon.conf", encoding="utf-8")
    return {f"{s}.{k}": v for s in conf.sections() for k, v in conf[s].items()}


def serve(folder, listen="127.0.0.1:0"):
    p = tenon.Process(tenon.PROGRAM, "serve", "--config", str(folder / "tenon.conf"), *(["--listen", listen] if listen else []))
    p.url = p.line("ready ")
    return p


def post_setup(url, token, name, context=None):
    body = json.dumps({"token": token, "name": name, "password": PASSWORD}).encode()
    request = urllib.request.Request(url + "/api/v1/setup", method="POST", data=body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30, context=context) as answer:
        return answer.status


def test_from_nothing_to_a_user(tmp_path):
    text = setup(tmp_path)
    assert values(tmp_path) == {"platform.data": f"{tmp_path}/data", "http.listen": "127.0.0.1:8080"}
    link = said(text, "one-time link")
    assert re.fullmatch(r"http://127\.0\.0\.1:8080/setup\?lang=en#tnu_[0-9A-Za-z]+", link) and "fingerprint" not in text
    assert "Start it: tenon serve --config tenon.conf" in text and "\033" not in text          # no picture where nobody looks
    secret = tmp_path / "data" / "run" / "setup-link"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert said(setup(tmp_path), "one-time link") == link                                       # twice is the same
    for _ in range(2):                                                                          # a restart before it was used keeps it
        p = serve(tmp_path)
        assert p.line("setup ").split("#")[1] == link.split("#")[1]
        assert p.stop() == 0
    p = serve(tmp_path)
    assert post_setup(p.url, link.split("#")[1], "ada") < 300
    with pytest.raises(urllib.error.HTTPError):
        post_setup(p.url, link.split("#")[1], "eve")                                            # once
    text = setup(tmp_path)
    assert "There is a user already" in text and "one-time link" not in text
    assert p.stop() == 0
    p = serve(tmp_path)
    assert p.stop() == 0
    assert not secret.exists() and "setup " not in "".join(p.errors)


def test_beyond_this_computer_it_makes_a_certificate_and_shows_its_fingerprint(tmp_path):
    port = tenon.free_ports()
    text = setup(tmp_path, "--listen-on", "all", "--port", str(port), "--lang", "zh")
    assert values(tmp_path) == {"platform.data": f"{tmp_path}/data", "http.listen": f"0.0.0.0:{port}", "http.tls": "self-signed"}
    lines = dict(line.split("  ", 1) for line in text.splitlines() if "  " in line)
    crt = tmp_path / "data" / "keys" / "tls.crt"
    assert lines["证书指纹"].replace(":", "").lower() == hashlib.sha256(ssl.PEM_cert_to_DER_cert(crt.read_text())).hexdigest()
    assert lines["地址"].startswith("https://") and "0.0.0.0" not in text and "?lang=zh#" in lines["一次性链接"]
    p = serve(tmp_path, None)
    context = ssl.create_default_context(cafile=str(crt))
    assert post_setup(f"https://127.0.0.1:{port}", lines["一次性链接"].split("#")[1], "ada", context) < 300
    assert PASSWORD not in text and p.stop() == 0


def test_a_file_that_is_there_is_changed_where_it_is_asked_and_nowhere_else(tmp_path):
    conf = tmp_path / "tenon.conf"
    before = f"# ours\n[http]\n# the hall\nlisten = 127.0.0.1:9000\n\n[limits]\nbody = 9 MB   \n\n[platform]\ndata = {tmp_path}/mine\n"
    conf.write_text(before)
    setup(tmp_path)
    assert conf.read_text() == before
    setup(tmp_path, "--port", "9001")
    assert conf.read_text() == before.replace("9000", "9001")
    setup(tmp_path, "--listen-on", "all")
    after = before.replace("127.0.0.1:9000", "0.0.0.0:9001").replace("0.0.0.0:9001\n", "0.0.0.0:9001\ntls = self-signed\n")
    assert conf.read_text() == after
    setup(tmp_path, "--listen-on", "all")
    assert conf.read_text() == after
    setup(tmp_path, "--data", "other")
    assert values(tmp_path)["platform.data"] == f"{tmp_path}/other" and (tmp_path / "other" / "VERSION").exists()
    assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".new")] == []


def flags(interface):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        return struct.unpack("16xH", fcntl.ioctl(s, 0x8913, struct.pack("256s", interface.encode()))[:18])[0]      # SIOCGIFFLAGS


def test_an_interface_is_named_and_an_unknown_one_is_refused(tmp_path):
    loopback = next(name for _, name in socket.if_nameindex() if flags(name) & 8)           # IFF_LOOPBACK
    setup(tmp_path, "--listen-on", loopback, "--port", "8123")
    assert values(tmp_path)["http.listen"] == "127.0.0.1:8123"
    before = (tmp_path / "tenon.conf").read_text()
    assert setup(tmp_path, "--listen-on", "wlan77", code=66) == "tenon: there is no network interface wlan77\n"
    assert setup(tmp_path, "--listen-on", "wlan77", code=66, lang="zh") == "tenon: 没有网络接口 wlan77\n"
    assert "port" in setup(tmp_path, "--port", "70000", code=65)
    assert (tmp_path / "tenon.conf").read_text() == before


def test_a_wrong_file_is_to_be_mended_first(tmp_path):
    (tmp_path / "tenon.conf").write_text("[http]\nlistn = 1\n")
    assert setup(tmp_path, "--listen-on", "all", code=78) == "tenon: tenon.conf, line 2: there is no key or section listn; the nearest is listen\n"
    assert os.listdir(tmp_path) == ["tenon.conf"]


def test_beside_a_running_platform_the_link_works_at_once(tmp_path):
    p = tenon.Platform(str(tmp_path / "data"))
    (tmp_path / "tenon.conf").write_text(f"[platform]\ndata = {tmp_path}/data\n")
    link = said(setup(tmp_path), "one-time link")
    assert post_setup(p.url, link.split("#")[1], "ada") < 300
    assert not (tmp_path / "data" / "run" / "setup-link").exists() and p.stop() == 0


class Terminal:
    def __init__(self, folder, *args, columns=100):
        self.pid, self.fd = pty.fork()
        self.text, self.decode = "", codecs.getincrementaldecoder("utf-8")().decode       # a read may end within a letter
        if self.pid == 0:
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 60, columns, 0, 0))
            os.chdir(folder)
            os.environ["TENON_LANG"] = "en"
            os.execv(tenon.PROGRAM, [tenon.PROGRAM, "setup", "--config", "tenon.conf", *args])

    def until(self, word, seconds=30):
        while word is None or word not in self.text:
            try:
                if not select.select([self.fd], [], [], seconds)[0]:
                    raise AssertionError(f"no {word!r} in {self.text!r}")
                got = os.read(self.fd, 65536)
            except OSError:
                got = b""
            if not got:
                assert word is None, self.text
                return
            self.text += self.decode(got)
        self.text = self.text.split(word, 1)[1]

    def type(self, line):
        os.write(self.fd, line.encode() + b"\n")

    def end(self):
        self.until(None)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_on_a_terminal_it_asks(tmp_path):
    t = Terminal(tmp_path)
    t.until("Language")
    t.type("de")                                            # asked again
    t.until("Language")
    t.type("zh")
    t.until("哪个网络接口可以打开控制台？")
    t.until("编号、名称或地址 [127.0.0.1]: ")
    t.type("99")
    t.until("编号、名称或地址")
    t.type("all")
    t.until(f"数据文件夹 [{'data'}]: ")
    t.type("here")
    t.until("写入以上设置？")
    t.type("")
    assert t.end() == 0
    assert values(tmp_path) == {"platform.data": f"{tmp_path}/here", "http.listen": "0.0.0.0:8443", "http.tls": "self-signed"}
    before = (tmp_path / "tenon.conf").read_text()
    t = Terminal(tmp_path, "--lang", "en", "--listen-on", "loopback")
    t.until("Data folder")
    t.type("")
    t.until("Write this?")
    t.type("no")
    assert t.end() == 75 and (tmp_path / "tenon.conf").read_text() == before


def picture(text):
    """What a telephone sees: a PGM of half blocks, 6 pixels a module."""
    rows = [line.split("\033[0m")[0] for line in text.split("\033[30;107m")[1:]]
    image = []
    for row in rows:
        for half in (0, 1):
            image.append([0 if c in ("█", "▀▄"[half]) else 255 for c in row])
    wide = [[v for v in row for _ in range(6)] for row in image for _ in range(6)]
    return b"P5 %d %d 255\n" % (len(wide[0]), len(wide)) + b"".join(bytes(row) for row in wide)


@pytest.mark.skipif(not shutil.which("zbarimg"), reason="no zbarimg: tools/setup test installs zbar-tools")
def test_a_camera_reads_the_link_from_the_terminal(tmp_path):
    t = Terminal(tmp_path, "--yes", "--listen-on", "all")
    assert t.end() == 0
    text = t.text.replace("\r\n", "\n")
    (tmp_path / "qr.pgm").write_bytes(picture(text))
    done = subprocess.run(["zbarimg", "-q", "--raw", "-Sdisable", "-Sqrcode.enable", str(tmp_path / "qr.pgm")], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, said(text, "one-time link")), done
    narrow = Terminal(tmp_path, "--yes", columns=40)
    assert narrow.end() == 0 and "\033" not in narrow.text and "one-time link" in narrow.text


def test_what_root_sets_up_belongs_to_the_owner_of_the_folder(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    if os.geteuid() == 0:
        os.chown(data, 65534, 65534)                        # as systemd gives /var/lib/tenon to the user of the service
    setup(tmp_path, "--listen-on", "all", "--data", str(data))
    assert {(f.name, f.stat().st_uid) for f in data.rglob("*")} == {(f.name, data.stat().st_uid) for f in data.rglob("*")}
    assert {"setup-link", "tls.key", "VERSION", "LOCK"} <= {f.name for f in data.rglob("*")}
