"""What the benches share: the program, the load simulator, the peer, figures of /proc, and one line a claim."""
import atexit
import glob
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "test" / "e2e"))
import tenon  # noqa: E402

modsim = tenon.modsim
RESULTS = []


def claim(name, value, unit, bound, lower_is_better=True):
    """Prints the figure beside its bound and remembers it."""
    good = value <= bound if lower_is_better else value >= bound
    RESULTS.append((name, value, unit, bound, good))
    sign = "≤" if lower_is_better else "≥"
    print(f"{'ok    ' if good else 'MISSED'} {name}: {value:.4g} {unit} (bound {sign} {bound:g} {unit})", flush=True)
    keep(name, f"{value:.4g} {unit}", f"{sign} {bound:g} {unit}", "met" if good else "missed")
    return good


def note(name, value, unit):
    print(f"       {name}: {value:.4g} {unit}", flush=True)
    keep(name, f"{value:.4g} {unit}", "", "")


def keep(*row):
    """For the table of all benches (tools/bench-table), with the load of the machine at that moment."""
    if "BENCH_ROWS" in os.environ:
        with open(os.environ["BENCH_ROWS"], "a", encoding="utf-8") as f:
            print(json.dumps([pathlib.Path(sys.argv[0]).name, *row, f"{os.getloadavg()[0]:.1f}"], ensure_ascii=False), file=f)


def done():
    sys.exit(0 if all(r[4] for r in RESULTS) else 1)


def data_in_memory():
    """From here on data go into memory. What is durable waits for the disk; how long is the disk's own figure, told beside ours."""
    took = []
    with tempfile.NamedTemporaryFile() as f:
        for _ in range(300):
            f.write(bytes(8192))
            f.flush()
            began = time.monotonic()
            os.fdatasync(f.fileno())
            took.append((time.monotonic() - began) * 1000)
            time.sleep(0.02)
    took.sort()
    note("this machine's disk: fdatasync of 8 KB, median", took[150], "ms")
    note("this machine's disk: the same, p99", took[297], "ms")
    if os.access("/dev/shm", os.W_OK):
        tempfile.tempdir = "/dev/shm"


def tree(pid):
    """A process and all its descendants."""
    pids = [pid]
    for p in pids:
        for task in glob.glob(f"/proc/{p}/task/*/children"):
            try:
                pids += [int(c) for c in open(task).read().split()]
            except OSError:
                pass
    return pids


def pss_mb(pid):
    total = 0
    for p in tree(pid):
        for line in open(f"/proc/{p}/smaps_rollup"):
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def end_children():
    """A bench that fails leaves nothing running."""
    for p in tree(os.getpid())[1:]:
        os.kill(p, signal.SIGTERM)


atexit.register(end_children)


def cpu_s(pid):
    total = 0
    for p in tree(pid):
        fields = open(f"/proc/{p}/stat").read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def connect(platform, code, port, registers, period_ms, kind="f32"):
    """One device with float32 points at even registers from 8 on."""
    c = platform.make("connections", code=code, driver="modbus-tcp", config={"host": "127.0.0.1", "port": port})
    d = platform.make("devices", code=code, connection=c["id"])
    g = platform.make("groups", code="all", device=d["id"], period_ms=period_ms)
    rows = ["group,code,address,type"] + [f"{g['id']},p{a},HR{a},{kind}" for a in registers]
    status, _, body = platform.call("POST", "/api/v1/points/import", "\r\n".join(rows), headers={"Content-Type": "text/csv"})
    assert status == 200 and body["failed"] == 0, body
    return g


def load(devices, *options):
    """The simulator, or the end of this bench when it is absent."""
    sim, port = modsim(devices, *options)
    if not sim:
        sys.exit("skipped: ../shared/tools/modsim.c is absent")
    return sim, port


def stats(sim):
    """What the simulator counted since the last begin()."""
    sim.send_signal(signal.SIGUSR1)
    return json.loads("".join(iter(sim.stdout.readline, "\n")))


def begin(sim):
    sim.send_signal(signal.SIGUSR2)


class Pulse(threading.Thread):
    """Sleeps of 10 ms, and the longest that was more: a virtual machine that its host stops for a while is nobody's fault in it."""

    def __init__(self):
        super().__init__(daemon=True)
        self.longest, self.over = 0, threading.Event()
        self.start()

    def run(self):
        while not self.over.is_set():
            began = time.monotonic()
            time.sleep(0.01)
            self.longest = max(self.longest, time.monotonic() - began - 0.01)

    def end(self, name):
        self.over.set()
        self.join()
        note(f"{name}: this machine stood still for at most", self.longest * 1000, "ms")


class Watch:
    """Share of a core and, at the end, PSS of a process and its children."""

    def __init__(self, pid):
        self.pid, self.cpu, self.began = pid, cpu_s(pid), time.monotonic()

    def core(self):
        return (cpu_s(self.pid) - self.cpu) / (time.monotonic() - self.began) * 100

    def pss(self):
        return pss_mb(self.pid)


def import_points(platform, rows, *columns):
    """Rows of (group, code, address, type, ...) as CSV, ten thousand at a time."""
    for at in range(0, len(rows), 10000):
        text = "\r\n".join([",".join(("group", "code", "address", "type") + columns)] + [",".join(map(str, r)) for r in rows[at:at + 10000]])
        status, _, body = platform.call("POST", "/api/v1/points/import", text, headers={"Content-Type": "text/csv"})
        assert status == 200 and body["failed"] == 0, body


def links(platform, kind):
    """Every link of one kind: connection, device or group."""
    return [link for link in platform.call("GET", "/api/v1/links")[2]["items"] if link["kind"] == kind]


class Telegraf:
    """The peer: Telegraf with its modbus input, every value thrown away. `devices` are (port, [(unit, [registers of float32])]); one plug-in
    a device, one request block a list, as its documentation has it. Built by tools/bench-peers."""

    program = pathlib.Path(os.environ.get("TENON_BUILD", ROOT / "build")) / "peers" / "telegraf"

    def __init__(self, devices, interval_ms, timeout_ms=1000):
        self.folder = tempfile.TemporaryDirectory()
        path = os.path.join(self.folder.name, "telegraf.conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write(f'[agent]\ninterval = "{interval_ms}ms"\nflush_interval = "1s"\nmetric_buffer_limit = 1000000\nomit_hostname = true\nquiet = true\n'
                    "[[outputs.discard]]\n")
            for n, (port, blocks) in enumerate(devices):
                f.write(f'[[inputs.modbus]]\nname = "d{n}"\ncontroller = "tcp://127.0.0.1:{port}"\ntimeout = "{timeout_ms}ms"\n'
                        'configuration_type = "request"\n')
                for b, (unit, registers) in enumerate(blocks):
                    f.write(f'[[inputs.modbus.request]]\nslave_id = {unit}\nbyte_order = "ABCD"\nregister = "holding"\nmeasurement = "m{b}"\nfields = [\n')
                    f.write("".join(f'{{address={a}, name="p{a}", type="FLOAT32"}},\n' for a in registers) + "]\n")
        self.child = subprocess.Popen([self.program, "--config", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @classmethod
    def there(cls):
        if not cls.program.exists():
            print("       peer: Telegraf is not built (tools/bench-peers)", flush=True)
        return cls.program.exists()

    def close(self):
        self.child.terminate()
        self.child.wait()
        self.folder.cleanup()


__all__ = ["ROOT", "tenon", "claim", "note", "done", "pss_mb", "cpu_s", "modsim", "connect", "data_in_memory", "load", "stats", "begin", "Pulse", "Watch", "import_points",
           "links", "Telegraf"]
