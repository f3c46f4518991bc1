"""A PostgreSQL server of a test's own: in a folder below /tmp, on a Unix socket in that folder, stopped by its process id.

The server refuses to be run by root: then it runs as the user `postgres` of the Debian package. Its own order of texts is made to be
another than that of bytes, so that a test notices where it would show. It does not sync (tests kill processes, not the machine) unless
TENON_TEST_SYNC is set, for benches.
"""
import glob
import os
import shutil
import signal
import subprocess
import tempfile
import time

FOLDERS = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(p.split("/")[4]), reverse=True)


def tool(name):
    for folder in FOLDERS:
        if os.path.exists(f"{folder}/{name}"):
            return f"{folder}/{name}"
    return shutil.which(name)


def is_there():
    return bool(tool("initdb") and tool("postgres") and (os.geteuid() != 0 or shutil.which("runuser")))


def _as_owner():
    return ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []


class Server:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="tenon-pg-", dir="/tmp")
        self.child, self.databases = None, 0
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        self.url = f"postgresql://postgres@/postgres?host={self.folder}"
        try:
            done = subprocess.run([*_as_owner(), tool("initdb"), "-D", f"{self.folder}/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync",
                                   "--locale=C.UTF-8", *self._order()], capture_output=True, text=True, cwd="/")
            assert done.returncode == 0, done.stderr
            self.start()
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _order():
        text = subprocess.run([tool("initdb"), "--help"], capture_output=True, text=True).stdout
        return ["--locale-provider=icu", "--icu-locale=en"] if "--icu-locale" in text else []

    def start(self):
        """Returns when it lets clients in: then it has written `ready` as the last line of postmaster.pid."""
        with open(f"{self.folder}/log", "ab") as log:
            self.child = subprocess.Popen(
                [*_as_owner(), tool("postgres"), "-D", f"{self.folder}/data", "-k", self.folder, "-c", "listen_addresses=", "-c", f"fsync={'on' if os.environ.get('TENON_TEST_SYNC') else 'off'}",
                 "-c", "max_connections=200", "-c", "shared_buffers=16MB"], stdout=log, stderr=log, cwd="/")
        end = time.monotonic() + 60
        while not self._is_ready():
            assert self.child.poll() is None and time.monotonic() < end, self.log()
            time.sleep(0.02)

    def _pid_file(self):
        try:
            with open(f"{self.folder}/data/postmaster.pid", encoding="utf-8") as f:
                return f.read().split("\n")
        except OSError:
            return []

    def _is_ready(self):
        lines = self._pid_file()
        return len(lines) > 7 and lines[7].strip() == "ready"

    def _family(self):
        """The server's process and those it has started."""
        lines = self._pid_file()
        if not lines or not lines[0].isdigit():
            return []
        head = int(lines[0])
        found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(head)], capture_output=True, text=True).stdout.split()
        return [head, *map(int, found)]

    def log(self):
        with open(f"{self.folder}/log", encoding="utf-8", errors="replace") as f:
            return f.read()[-4000:]

    def kill(self):
        """As a power cut does: all its processes at once, without a word."""
        for pid in self._family():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.child.wait(30)

    def stop(self, sig=signal.SIGINT):
        lines = self._pid_file()
        if self.child and self.child.poll() is None and lines:
            os.kill(int(lines[0]), sig)
        if self.child:
            self.child.wait(60)

    def sql(self, text, database="postgres"):
        done = subprocess.run([tool("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-U", "postgres", "-d", database,
                               "-c", text], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def database(self, like=None):
        """The URL of a new database: empty, or a copy of one that nobody uses."""
        self.databases += 1
        self.sql(f"CREATE DATABASE t{self.databases}" + (f" TEMPLATE {like}" if like else ""))
        return f"postgresql://postgres@/t{self.databases}?host={self.folder}"

    def close(self):
        if self.child:
            self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)
