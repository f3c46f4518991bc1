"""What the benches share: the program, the load simulator, figures of /proc, and one line a claim."""
import glob
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "test" / "e2e"))
import tenon  # noqa: E402

modsim = tenon.modsim
RESULTS = []


def claim(name, value, unit, bound, lower_is_better=True):
    """Prints the figure beside its bound and remembers it."""
    good = value <= bound if lower_is_better else value >= bound
    RESULTS.append((name, value, unit, bound, good))
    print(f"{'ok    ' if good else 'MISSED'} {name}: {value:.4g} {unit} (bound {'≤' if lower_is_better else '≥'} {bound:g} {unit})", flush=True)
    return good


def note(name, value, unit):
    print(f"       {name}: {value:.4g} {unit}", flush=True)


def done():
    sys.exit(0 if all(r[4] for r in RESULTS) else 1)


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


__all__ = ["ROOT", "tenon", "claim", "note", "done", "pss_mb", "cpu_s", "modsim", "connect"]
