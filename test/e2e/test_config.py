"""Peers: sysexits.h, sd_notify(3) as systemd documents it. The configuration: what wins, what is refused, what SIGHUP does."""
import os
import signal
import shutil
import socket
import subprocess

import pytest

import tenon


def run(*args, **env):
    return subprocess.run([tenon.PROGRAM, *args], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "TENON_LANG": "en", **env})


def test_a_wrong_key_ends_the_start_with_one_sentence(tmp_path):
    conf = tmp_path / "tenon.conf"
    conf.write_text("[http]\n\nlistn = 127.0.0.1:0\n")
    for args, env in ((["serve", "--config", str(conf)], {}), (["serve"], {"TENON_CONFIG": str(conf)}), (["config", "check", "--config", str(conf)], {})):
        done = run(*args, **env)
        assert (done.returncode, done.stdout) == (78, "")
        assert done.stderr == f"tenon: {conf}, line 3: there is no key or section listn; the nearest is listen\n"
    done = run("config", "check", "--config", str(conf), TENON_LANG="zh")
    assert done.stderr == f"tenon: {conf} 第 3 行：没有键或节 listn；最接近的是 listen\n"
    assert not os.path.exists("data")                       # nothing was made


def test_show_says_where_each_value_comes_from(tmp_path):
    conf = tmp_path / "tenon.conf"
    conf.write_text("[http]\nlisten = 127.0.0.1:1\n[limits]\nbody = 9 MB\n")
    out = run("config", "show", "--config", str(conf), TENON_LIMITS_BODY="10 MB").stdout.splitlines()
    assert any(line.startswith("listen = 127.0.0.1:1 ") and line.endswith(f"# {conf}:2") for line in out)
    assert any(line.startswith("body = 10 MB ") and line.endswith("# environment") for line in out)
    assert any(line.startswith("level = info ") and line.endswith("# default") for line in out)


def test_the_folder_of_a_unit_is_the_default_and_the_file_goes_before_it(tmp_path):
    conf = tmp_path / "tenon.conf"
    conf.write_text("[log]\nlevel = info\n")
    assert "data = /var/lib/tenon " in run("config", "show", "--config", str(conf), STATE_DIRECTORY="/var/lib/tenon:/var/lib/other").stdout
    conf.write_text("[platform]\ndata = /mine\n")
    assert "data = /mine " in run("config", "show", "--config", str(conf), STATE_DIRECTORY="/var/lib/tenon").stdout


@pytest.mark.parametrize("what,file", [("example", "packaging/tenon.conf"), ("manual", "docs/man/tenon.conf.5")])
def test_the_files_in_the_tree_are_those_the_table_prints(what, file):
    assert run("config", what).stdout == (tenon.ROOT / file).read_text()        # to make it anew: tenon config WHAT >FILE


class Manager:
    """The side of systemd: a datagram socket."""

    def __init__(self, path):
        self.path, self.seen = str(path), []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(20)

    def until(self, word):
        while True:
            text = self.socket.recv(4096).decode()
            self.seen.append(text)
            if word in text.split("\n"):
                return text


def test_systemd_hears_ready_reloading_watchdog_and_stopping(tmp_path, monkeypatch):
    manager = Manager(tmp_path / "notify")
    conf = tmp_path / "tenon.conf"
    conf.write_text("[log]\nlevel = warn\n")
    monkeypatch.setenv("NOTIFY_SOCKET", manager.path)
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    p = tenon.Platform(str(tmp_path / "data"), "--config", str(conf))
    manager.until("READY=1")
    manager.until("WATCHDOG=1")
    manager.until("WATCHDOG=1")
    assert not any("INFO" in e for e in p.errors)
    conf.write_text("[log]\nlevel = info\n[limits]\nbody = 65536\nconnections = 20\n")
    p.child.send_signal(signal.SIGHUP)
    assert "MONOTONIC_USEC=" in manager.until("RELOADING=1") + "".join(manager.seen)
    manager.until("READY=1")
    tenon.wait_for(lambda: any("read again" in e for e in p.errors), 20, "the line")
    assert any("waits for a restart" in e and "limits.connections" in e for e in p.errors)
    assert not any("waits for a restart" in e and "limits.body" in e for e in p.errors)
    token = p.sign_in()
    status, _, body = p.call("POST", "/api/v1/places", {"code": "x", "description": "x" * 70000}, token)
    assert status == 413, body                              # the new limit
    conf.write_text("[log]\nlevl = info\n")
    p.child.send_signal(signal.SIGHUP)
    tenon.wait_for(lambda: any("stays as it was" in e and "levl" in e for e in p.errors), 20, "the sentence")
    assert p.call("GET", "/api/v1/places", None, token)[0] == 200
    p.child.send_signal(signal.SIGTERM)
    manager.until("STOPPING=1")
    assert p.stop() == 0


def test_the_unit_of_systemd_is_one_and_takes_rights_away(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze here")
    unit = tmp_path / "tenon.service"
    text = (tenon.ROOT / "packaging" / "tenon.service.in").read_text()
    unit.write_text(text.replace("@bindir@/tenon", tenon.PROGRAM).replace("Documentation=", "#"))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)], capture_output=True, text=True)
    exposure = float(done.stdout.split("exposure level for tenon.service:")[1].split()[0])
    assert exposure < 3, done.stdout
