"""Peers: pyarrow (PyPI) reads what a life of the store left in its files; pandas works out its figures again.

test-tsdb-model (src/tsdb/model_test.c) writes, merges, restarts at random, and says in samples.jsonl what it wrote and in buckets.jsonl what the
store says of each hour. Here every sample is looked up in the files without any of our code, and every figure is made by pandas."""
import json
import math
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile

import pytest

import test_tsdb_readers as readers

pd = pytest.importorskip("pandas", reason="pandas is not installed")


@pytest.fixture(scope="module")
def life():
    subprocess.run(["ninja", "-C", readers.BUILD, "test-tsdb-model"], check=True, stdout=subprocess.DEVNULL)
    folder = tempfile.mkdtemp(prefix="tenon-model-")                 # short: the program has little room for its name
    env = dict(os.environ, TENON_MODEL_KEEP=folder, TENON_MODEL_SEED=os.environ.get("TENON_MODEL_SEED", "5"))
    done = subprocess.run([readers.BUILD / "test-tsdb-model"], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    print(done.stdout)
    with open(f"{folder}/samples.jsonl", encoding="utf-8") as f:
        samples = [json.loads(line) for line in f]
    with open(f"{folder}/buckets.jsonl", encoding="utf-8") as f:
        buckets = [json.loads(line) for line in f]
    yield pathlib.Path(folder), samples, buckets
    shutil.rmtree(folder)


def value(s):
    """As test_tsdb_readers spells it: bits of floats from the lowest byte on."""
    v = s["v"]
    return bytes.fromhex(v)[::-1].hex() if v is not None and s["type"] in ("f32", "f64") else v


def test_the_files_hold_what_was_written(life):
    folder, samples, _ = life
    types = {s["series"]: s["type"] for s in samples}
    want = {(s["series"], s["t"]): (value(s), s["q"]) for s in samples}
    assert len(want) == len(samples) > 10000
    got = {}
    for path in readers.data_files(folder):
        got.update({k: v[:2] for k, v in readers.collect(readers.arrow_rows(path), types).items()})
    readers.compare(got, want)


def number(s):
    if s["v"] is None or s["q"] >> 30 >= 2:
        return math.nan
    if s["type"] in ("f32", "f64"):
        return struct.unpack(">f" if s["type"] == "f32" else ">d", bytes.fromhex(s["v"]))[0]
    return float(s["v"])


def near(got, want, scale):
    return (math.isnan(got) and math.isnan(want)) or got == want or abs(got - want) <= 1e-11 * scale + 1e-300


def test_pandas_comes_to_the_same_figures(life):
    _, samples, buckets = life
    texts = {s["series"] for s in samples if s["type"] in ("str", "bytes")}
    frame = pd.DataFrame({"series": [s["series"] for s in samples], "t": [s["t"] for s in samples],
                          "v": [math.nan if s["series"] in texts else number(s) for s in samples]})
    frame["hour"] = frame.t // 3_600_000_000_000 * 3_600_000_000_000
    groups = dict(list(frame.groupby(["series", "hour"])))
    hit = 0
    seen = set()
    for b in buckets:
        seen.add((b["series"], b["start"]))
        of_hour = groups.get((b["series"], b["start"]))
        assert b["n"] == (0 if of_hour is None else len(of_hour)), b
        if b["series"] in texts or not b["used"]:
            continue
        v = of_hour.v.dropna()
        assert b["used"] == len(v), b
        got = {k: float.fromhex(b[k]) for k in ("min", "max", "sum", "mean", "median", "stddev")}
        scale = v.abs().sum()
        assert got["min"] == v.min() and got["max"] == v.max(), b
        if not math.isfinite(scale) or scale > 1e290:                # what has no end, or none in a double, adds up to nothing to compare
            continue
        assert near(got["sum"], v.sum(), scale) and near(got["mean"], v.mean(), scale) and near(got["median"], v.median(), scale), b
        if 1e-140 < scale < 1e140:
            assert near(got["stddev"], v.std(ddof=1), 1e3 * scale), b
        hit += 1
    first, last = min(b["start"] for b in buckets), max(b["end"] for b in buckets)
    left_out = [k for k in groups if first <= k[1] < last and k not in seen]
    assert hit > 100 and not left_out, left_out[:5]
