"""The program under test as others see it: a process, a URL, a token. Started on a free port of loopback, stopped by pid."""
import atexit
import contextlib
import json
import os
import pathlib
import queue
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TENON_BUILD", ROOT / "build"))
PROGRAM = str(BUILD / "tenon")
SHARED = ROOT / ".." / "shared"
sys.path.insert(0, str(ROOT / "test"))
import postgres  # noqa: E402

server = None


def settle(data):
    """With TENON_TEST_STORE=postgresql: the records of a new data folder go to a database of their own, on one server for all tests."""
    global server
    if os.environ.get("TENON_TEST_STORE") != "postgresql" or os.path.exists(f"{data}/VERSION") or os.path.exists(f"{data}/STORE"):
        return data
    if server is None:
        server = postgres.Server()
        atexit.register(server.close)
    os.makedirs(data, exist_ok=True)
    with open(os.open(f"{data}/STORE", os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as f:
        f.write(server.database() + "\n")
    return data


def database_of(data):
    return (pathlib.Path(data) / "STORE").read_text(encoding="utf-8").split("@/")[1].split("?")[0]


def copy(data, to):
    """Of a data folder that nobody uses, with records of its own."""
    shutil.copytree(data, to, symlinks=True)
    if server is not None and os.path.exists(f"{data}/STORE"):
        (pathlib.Path(to) / "STORE").write_text(server.database(like=database_of(data)) + "\n", encoding="utf-8")
    return pathlib.Path(to)


def sql(data, store, *statements):
    """What somebody with the database does to the records of "system" or of a tenant's number: (first column of the last one's first row)."""
    if server is not None and os.path.exists(f"{data}/STORE"):
        schema = f"SET search_path TO tenon_{store};"
        return server.sql(" ".join([schema, *(f"{s};" for s in statements)]), database_of(data)).split("\n")[0]
    path = f"{data}/system/store.db" if store == "system" else f"{data}/tenants/{store}/store.db"
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        for s in statements:
            row = db.execute(s).fetchone()
        return row and row[0]


def wait_for(condition, seconds=20, what="condition"):
    """Polls until it is true; what it returned. No test sleeps for a fixed time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        got = condition()
        if got:
            return got
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


def free_ports(n=1, first=20000, end=32768):
    """The first of n neighbouring ports that are free, below those the system hands out by itself (32768 and up): what is free now is
    then taken by nobody but another test that asked at the same moment, so who serves on them tries again when one is taken."""
    for base in random.sample(range(first, end - n), 400):
        socks = []
        try:
            for i in range(n):
                socks.append(socket.socket())
                socks[-1].bind(("127.0.0.1", base + i))
            return base
        except OSError:
            continue
        finally:
            for s in socks:
                s.close()
    raise RuntimeError("no free ports")


def modsim(devices, *options, stdout=subprocess.PIPE):
    """The load simulator on a free block of ports: (child, first port), when it listens. It counts what a gateway really did. None, 0 without
    ../shared. It says so when another took a port of the block meanwhile; then another block is tried."""
    source, program = SHARED / "tools" / "modsim.c", BUILD / "modsim"
    if not source.exists():
        return None, 0
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        subprocess.run([os.environ.get("CC", "cc").split()[-1], "-O2", "-o", str(program), str(source)], check=True)
    for _ in range(10):
        base = free_ports(devices)
        child = subprocess.Popen([str(program), "--devices", str(devices), "--base-port", str(base), *map(str, options)], stdout=stdout,
                                 stderr=subprocess.PIPE, text=True)
        said = child.stderr.readline()
        if "devices" in said:
            return child, base
        child.wait(10)
        assert "in use" in said, said
    raise AssertionError("no free block of ports in ten tries")


class Process:
    """A program whose lines of standard output can be waited for."""

    def __init__(self, *args, env=None):
        self.child = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
        atexit.register(self._left)
        self.lines, self.errors = queue.Queue(), []
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._read_errors, daemon=True).start()

    def _left(self):
        """A test that failed half way leaves nobody behind."""
        if self.child.poll() is None:
            self.child.kill()

    def _read(self):
        for line in self.child.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def _read_errors(self):
        for line in self.child.stderr:
            self.errors.append(line)

    def line(self, prefix, seconds=30):
        end = time.monotonic() + seconds
        while True:
            try:
                line = self.lines.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no line {prefix!r} within {seconds} s; stderr: {''.join(self.errors[-20:])}")
            if line is None:
                raise AssertionError(f"it ended before saying {prefix!r}; stderr: {''.join(self.errors[-20:])}")
            if line.startswith(prefix):
                return line[len(prefix):].strip()

    def stop(self, sig=signal.SIGTERM, seconds=20):
        if self.child.poll() is None:
            self.child.send_signal(sig)
            try:
                self.child.wait(seconds)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        return self.child.returncode


class Platform(Process):
    def __init__(self, data=None, *options):
        self.own = data is None
        self.data = settle(data or tempfile.mkdtemp(prefix="tenon-"))
        super().__init__(PROGRAM, "serve", "--data", self.data, "--listen", "127.0.0.1:0", *options)
        self.url = self.line("ready ")
        self.token = None

    def sign_in(self, role="administrator", name="test"):
        done = subprocess.run([PROGRAM, "token", "create", name, "--role", role, "--data", self.data], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def call(self, method, path, body=None, token=None, headers=None, raw=False):
        """(status, headers, body): body parsed when it is JSON. A test on a fast machine is told to go slower, and does."""
        end = time.monotonic() + 20
        while True:
            answer = self._call(method, path, body, token, headers, raw)
            too_many = answer[0] == 429 and not raw and answer[2]["args"].get("what") == "requests_a_second"
            if not too_many or time.monotonic() > end:
                return answer
            time.sleep(0.05)

    def _call(self, method, path, body, token, headers, raw):
        if self.token is None and token is None:
            self.token = self.sign_in()
        fields = {"Authorization": f"Bearer {token or self.token}"}
        if body is not None and not isinstance(body, (bytes, str)):
            body, fields["Content-Type"] = json.dumps(body), "application/json"
        fields.update(headers or {})
        request = urllib.request.Request(self.url + path, method=method, headers={k: v for k, v in fields.items() if v is not None},
                                         data=body.encode() if isinstance(body, str) else body)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, head, text = answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as e:
            status, head, text = e.code, e.headers, e.read()
        if not raw and "json" in (head.get("Content-Type") or ""):
            text = json.loads(text)
        return status, head, text

    def make(self, noun, **fields):
        status, _, body = self.call("POST", f"/api/v1/{noun}", fields)
        assert status == 201, body
        return body

    def query(self, points, start="now-1h", end="now", **more):
        status, _, body = self.call("POST", "/api/v1/query", {"points": points, "from": start, "to": end, "limit": 1000000, **more})
        assert status == 200, body
        return {s["path"]: s for s in body["series"]}

    def close(self):
        code = self.stop()
        if self.own:
            shutil.rmtree(self.data, ignore_errors=True)
        return code
