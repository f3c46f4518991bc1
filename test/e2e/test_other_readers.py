"""Peers: Spark 4.0, 4.1 and 4.2 (PyPI) and parquet-java (Maven), as tools/reader-peers brings them: they read what was written, cell by cell, in files of
each level, mixed types in one. They are large: without them this file is no part of `make test` (conftest.py), but who asks for all is told what is missing."""
import json
import math
import os
import pathlib
import struct
import subprocess
import sys

import pytest

import tenon
from test_tsdb_readers import LEVELS, collect, compare, data_files, writer  # noqa: F401

PEERS = pathlib.Path(os.environ.get("TENON_PEERS", tenon.ROOT / "build" / "peers"))
HERE = tenon.ROOT / "test" / "peers"


@pytest.fixture(scope="module")
def folders(writer, tmp_path_factory):  # noqa: F811
    """level → (its files, types of series, what was written last of each time)"""
    made = {}
    for level, args in LEVELS.items():
        folder = tmp_path_factory.mktemp(level)
        said = writer(folder, "nasty", "20260102", *args)
        made[level] = data_files(folder), {r["series"]: r["type"] for r in said}, {(r["series"], r["t"]): (r["v"], r["q"], r["lag"]) for r in said}
    return made


def quiet(kind, v):
    """NaN is NaN for who hands floats out by value."""
    if v is None or kind not in ("f32", "f64"):
        return v
    return "nan" if math.isnan(struct.unpack("<f" if kind == "f32" else "<d", bytes.fromhex(v))[0]) else v


def read(folders, command, env=None, by_value=False):
    """Runs a reader over all files and compares; what it said besides rows."""
    files = [f for level in folders.values() for f in level[0]]
    done = subprocess.run([*command, *files], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr[-2000:]
    rows, said = {}, []
    for line in done.stdout.splitlines():
        this = json.loads(line)
        if isinstance(this, dict):
            said.append(this)
        else:
            place, row = this
            row[8] = None if row[8] is None else bytes.fromhex(row[8])
            rows.setdefault(place, []).append(row)
    assert len(rows) == len(files)
    for one in (s for s in said if "place" in s):
        of_it = rows[one["place"]]
        assert one["series"] == max(r[0] for r in of_it) and one["rows"] == sum(r[0] == one["series"] and r[9] is None for r in of_it)
    first = 0
    for level, (paths, types, want) in folders.items():
        got = {}
        for place in range(first, first + len(paths)):
            got.update(collect(rows[place], types))
        first += len(paths)
        if by_value:
            got, want = ({k: (quiet(types[k[0]], v[0]), *v[1:]) for k, v in m.items()} for m in (got, want))
        compare(got, want)
        print(f"{level}: {len(paths)} files, {len(got)} samples")
    return said, [len(rows[i]) for i in range(len(files))]


def test_parquet_java_reads_what_was_written(folders):
    said, rows = read(folders, ["java", "-Xmx512m", "-cp", f"{PEERS}/parquet-java/*", HERE / "ReadParquet.java"])
    left_out = [s["place"] for s in said if s["read"] < rows[s["place"]]]
    assert left_out, "no page was left out by its column index"
    print(f"parquet-java: pages were left out by their column index in {len(left_out)} of {len(rows)} files")


@pytest.mark.parametrize("version", ["4.0", "4.1", "4.2"])
def test_spark_reads_what_was_written(folders, version):
    found = sorted(PEERS.glob(f"spark-{version}.*"))
    assert found, f"no Spark {version}: tools/reader-peers"
    env = {**os.environ, "PYTHONPATH": str(found[-1]), "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
    env.pop("SPARK_HOME", None)
    said, _ = read(folders, [sys.executable, HERE / "spark_rows.py"], env, by_value=True)
    assert said[0]["version"].startswith(version)
    print(f"Spark {said[0]['version']}")
