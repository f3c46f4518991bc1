"""Peers: the test itself, which does the damage (SQLite 3 by Python's sqlite3 or psql, openssl, the file system). What `tenon doctor` sees, and that it
changes nothing."""
import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess

import pytest

import certificates
import tenon


def doctor(data, *args, code=0, lang="en", **env):
    done = subprocess.run([tenon.PROGRAM, "doctor", "--data", str(data), "--output", "json", *args], capture_output=True, text=True, timeout=120,
                          env={**os.environ, "TENON_LANG": lang, **env})
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return json.loads(done.stdout)


def of(rows, check):
    return [r for r in rows if r["check"] == check]


def errors(rows):
    return {r["check"] for r in rows if r["state"] == "error"}


def contents(data):
    return {str(p.relative_to(data)): hashlib.sha256(p.read_bytes()).hexdigest() for p in pathlib.Path(data).rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """A folder as a platform leaves it that was killed: files of samples, a log, records, a serial line."""
    d = tmp_path_factory.mktemp("doctor") / "data"
    p = tenon.Platform(str(d), "--head", "1 MB")
    p.make("connections", code="bus", driver="modbus-serial", config={"device": "/dev/tty-not-there"})
    for day in range(1, 60):
        status, _, body = p.call("POST", "/api/v1/write", "".join(f"x,n=1 v={(i * 2654435761) % 2**32 / 7} {(day * 86400 + i) * 10**9}\n"
                                                                  for i in range(20000)))
        assert status == 204, body
        if list(d.rglob("ts/**/*.parquet")):
            break
    beside = doctor(d)
    assert of(beside, "address")[0]["text"] == f"the platform runs (process {p.child.pid})"
    assert p.stop() == 0
    p = tenon.Platform(str(d))
    p.token = p.sign_in(name="second")
    for i in range(50):
        status, _, body = p.call("POST", "/api/v1/write", f"x,n=1 v={i} {(90 * 86400 + i) * 10**9}\n")
        assert status == 204, body
    p.stop(signal.SIGKILL)
    return d


@pytest.fixture
def data(lived, tmp_path):
    return tenon.copy(lived, tmp_path / "data")


def test_a_platform_that_was_killed_is_well_and_stays_as_it_is(data):
    doctor(data)                                            # SQLite takes in what the kill left beside its files
    before = contents(data)
    rows = doctor(data)
    assert not errors(rows) and contents(data) == before
    assert {r["check"] for r in rows} == {"program", "configuration", "files", "memory", "clock", "timezone", "address", "certificate", "folder",
                                          "rights", "disk", "log", "history", "records", "audit", "serial", "backup"}
    assert "records, whole" in of(rows, "log")[0]["text"] and not of(rows, "log")[0]["text"].startswith("0 ")
    assert int(of(rows, "history")[0]["text"].split()[0]) == len(list(data.rglob("*.parquet"))) > 0
    assert [r["text"] for r in of(rows, "records")] == ["system: the store is whole", "tenant 1: the store is whole"]
    serial = of(rows, "serial")
    assert [(r["state"], r["text"]) for r in serial] == [("warning", "/dev/tty-not-there of connection bus is not there")]
    assert all("hint" in r for r in rows if r["state"] != "ok" and r["check"] != "memory")
    chinese = doctor(data, lang="zh")
    assert of(chinese, "records")[0]["text"] == "系统：存储完整"
    text = subprocess.run([tenon.PROGRAM, "doctor", "--data", str(data)], capture_output=True, text=True, env={**os.environ, "TENON_LANG": "en"})
    lines = text.stdout.splitlines()
    assert text.returncode == 0 and any(line.startswith("warning  backup") for line in lines) and any("-> tenon backup" in line or "-> pg_dump" in line for line in lines)


def flip(path, at):
    raw = bytearray(path.read_bytes())
    raw[at] ^= 0x40
    path.write_bytes(bytes(raw))


def cut_parquet(d):
    f = next(f for f in sorted(d.rglob("*.parquet")) if f.stat().st_size > 100)
    f.write_bytes(f.read_bytes()[:-3])


def hurt_log(d):
    logs = sorted((d / "wal").glob("*.wal"))
    flip(logs[-1], 64 + 32 + 100)                           # the first record; those behind it are whole


def hurt_store(d):
    path = d / "tenants" / "1" / "store.db"
    raw = bytearray(path.read_bytes())
    raw[4096 * 3:4096 * 6] = b"\x07" * (4096 * 3)
    path.write_bytes(bytes(raw))


@pytest.mark.parametrize("check,hurt,sentence", [
    ("folder", lambda d: (d / "VERSION").write_text("2\n"), "was written by a newer version (2"),
    ("history", cut_parquet, "has no readable end"),
    ("log", hurt_log, "is damaged"),
    pytest.param("records", hurt_store, "tenant 1: ", marks=pytest.mark.files),
    ("records", lambda d: (d / "keys" / "guard.key").unlink(), "guard.key"),
    ("records", lambda d: tenon.sql(d, "system", "UPDATE tenon_schema SET value = '999999' WHERE key = 'migration'"), "newer version (999999)"),
    ("audit", lambda d: tenon.sql(d, "system", "DELETE FROM audit WHERE seq = (SELECT min(seq) FROM audit)"), "system: broken at entry"),
    ("rights", lambda d: (d / "keys" / "guard.key").chmod(0o644), "others than their owner may use"),
])
def test_what_is_wrong_is_named_with_what_to_do(data, check, hurt, sentence):
    hurt(data)
    rows = doctor(data, code=69)
    assert check in errors(rows), rows
    row = next(r for r in of(rows, check) if r["state"] == "error")
    assert sentence in row["text"] and row["hint"]
    assert not (errors(rows) - {check})


def test_an_older_shape_of_the_records_is_a_warning_and_is_left_alone(data):
    tenon.sql(data, "system", "UPDATE tenon_schema SET value = '1' WHERE key = 'fingerprint'")
    rows = doctor(data)
    assert [(r["state"], "backup" in r["hint"]) for r in of(rows, "records")] == [("warning", True)]
    assert tenon.sql(data, "system", "SELECT value FROM tenon_schema WHERE key = 'fingerprint'") == "1"


def test_the_address_and_the_certificate(data, tmp_path):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        rows = doctor(data, code=69, TENON_HTTP_LISTEN=f"127.0.0.1:{s.getsockname()[1]}")
        assert errors(rows) == {"address"}
    for begin, end, state, code in ((-9, -1, "error", 69), (1, 400, "error", 69), (-1, 10, "warning", 0), (-1, 100, "ok", 0)):
        certificates.self_signed(tmp_path, begin, end)
        rows = doctor(data, code=code, TENON_HTTP_TLS="files", TENON_HTTP_CERTIFICATE=str(tmp_path / "c.pem"), TENON_HTTP_KEY=str(tmp_path / "k.pem"))
        row = of(rows, "certificate")[0]
        assert row["state"] == state and row["text"].endswith("for plant.example, 192.0.2.9"), row


@pytest.mark.files
def test_a_backup_is_known_of_and_an_old_one_is_a_warning(data, tmp_path):
    done = subprocess.run([tenon.PROGRAM, "backup", str(tmp_path / "b.tar"), "--data", str(data)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    row = of(doctor(data), "backup")[0]
    assert row["state"] == "ok" and row["text"].startswith("0 days ago: ") and row["text"].endswith(str(tmp_path / "b.tar"))
    note = data / "run" / "last-backup"
    os.utime(note, (note.stat().st_mtime - 30 * 86400,) * 2)
    assert of(doctor(data), "backup")[0]["state"] == "warning"


def test_a_wrong_configuration_and_a_folder_that_is_not_there(tmp_path):
    conf = tmp_path / "tenon.conf"
    conf.write_text("[http]\nlistn = 1\n")
    rows = doctor(tmp_path, "--config", str(conf), code=69)
    assert errors(rows) == {"configuration"} and "line 2" in of(rows, "configuration")[0]["text"]
    rows = doctor(tmp_path / "no", TENON_HTTP_LISTEN="127.0.0.1:0")
    assert of(rows, "folder")[0]["state"] == "warning" and not (tmp_path / "no").exists()
