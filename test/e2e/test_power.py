"""Peers: a disk that loses what was not synced, and an operating system that says no (test/power; the rules are POSIX's). A fixed sample of
the power cuts and of the failing calls; all of them when all is asked for."""
import os
import pathlib
import subprocess
import sys

import pytest

import tenon

TOP = pathlib.Path(__file__).resolve().parents[2]
POWER = pathlib.Path(__file__).resolve().parents[1] / "power"
ALL = bool(os.environ.get("TENON_TEST_ALL"))


@pytest.fixture(scope="module")
def recorder(tmp_path_factory):
    out = tmp_path_factory.mktemp("power") / "record.so"
    subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-o", out, POWER / "record.c", "-ldl"],
                   check=True)
    return out


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    out = tmp_path_factory.mktemp("store") / "store"
    subprocess.run([os.environ.get("CC", "cc").split()[-1], "-std=gnu11", "-O1", "-D_GNU_SOURCE", "-I", TOP / "src", POWER / "store.c",
                    tenon.BUILD / "libtenon.a", "-lm", "-lzstd", "-lpthread", "-o", out], check=True)
    return out


def run(script, *args):
    done = subprocess.run([sys.executable, POWER / script, *([] if script == "store.py" else [tenon.PROGRAM]), *map(str, args)], capture_output=True, text=True)
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


def test_a_power_cut_while_files_are_made_and_merged_takes_nothing_that_was_acknowledged(recorder, store):
    run("store.py", recorder, store, *(["--lives", 10, "--cuts", 500] if ALL else ["--sample", 24]))


def test_a_wrong_byte_in_any_file_is_told_or_mended_and_never_answered(recorder, store):
    run("store.py", recorder, store, "--flips", 3000 if ALL else 24, "--seed", 8)
