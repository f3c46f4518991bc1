"""Peers: a disk that loses what was not synced, and an operating system that says no (test/power; the rules are POSIX's). A fixed sample of
the power cuts and of the failing calls; all of them when all is asked for."""
import os
import pathlib
import subprocess
import sys

import pytest

import tenon

POWER = pathlib.Path(__file__).resolve().parents[1] / "power"
ALL = bool(os.environ.get("TENON_TEST_ALL"))


@pytest.fixture(scope="module")
def recorder(tmp_path_factory):
    out = tmp_path_factory.mktemp("power") / "record.so"
    subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-o", out, POWER / "record.c", "-ldl"],
                   check=True)
    return out


def run(script, *args):
    done = subprocess.run([sys.executable, POWER / script, tenon.PROGRAM, *map(str, args)], capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]


def test_a_power_cut_takes_nothing_that_was_acknowledged(recorder):
    run("run.py", recorder, *([] if ALL else ["--sample", 24, "--requests", 30]))


@pytest.mark.parametrize("kind,error,sample", [("open", "EMFILE", 3), ("write", "ENOSPC", 4), ("write", "EIO", 3), ("sync", "EIO", 4),
                                               ("rename", "EIO", 3), ("write-", "ENOSPC", 4), ("sync-", "EIO", 3), ("write-", "EROFS", 2),
                                               ("memory", "ENOMEM", 6)])
def test_a_call_that_fails_takes_nothing_that_was_acknowledged(recorder, kind, error, sample):
    if kind == "memory" and ALL:
        sample = 2000
    run("faults.py", recorder, kind, error, *(["--sample", sample] if not ALL or kind == "memory" else []))
