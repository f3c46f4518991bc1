"""Peers: DuckDB and pyarrow (PyPI) read the store's Parquet files; what they find equals, bit for bit, what the writer said it wrote.

tsdb_writer.c, built here against the library, writes a data folder through log, head and flush and prints every sample in the order
of writing. The files are then read without any of our code: later files win over earlier ones, as the rank in the footer says. So it is with
files as memory was written, with those of two hours, and with those of days.
"""
import csv
import datetime
import json
import math
import os
import pathlib
import struct
import subprocess

import pytest

import tenon

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
import pyarrow.parquet as pq  # noqa: E402

duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")

TOP = pathlib.Path(os.environ.get("TENON_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("TENON_BUILD", TOP / "build"))
COLUMNS = ["series", "ts", "ns", "lag", "m", "e", "f", "d", "s", "q"]


@pytest.fixture(scope="module")
def writer(tmp_path_factory):
    print(f"peers: DuckDB {duckdb.__version__}, pyarrow {pa.__version__}")
    if not (BUILD / "libtenon.a").exists():
        pytest.skip("build/libtenon.a is not built")
    out = tmp_path_factory.mktemp("writer") / "tsdb_writer"
    cc = os.environ.get("CC", "cc").split()[-1]
    subprocess.run([cc, "-O1", "-std=gnu11", "-D_GNU_SOURCE", "-I", TOP / "src", TOP / "test/e2e/tsdb_writer.c", BUILD / "libtenon.a", "-lm",
                    "-lzstd", "-lpthread", "-o", out], check=True)

    def run(folder, *args, text=None):
        done = subprocess.run([out, folder, *args], input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


LEVELS = {"flushed": [], "window": ["window"], "day": ["day"], "compact": ["day", "compact"]}


@pytest.fixture(scope="module", params=LEVELS)
def nasty(writer, tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("nasty")
    said = writer(folder, "nasty", "20260101", *LEVELS[request.param])
    levels = {said_of(f, "tenon.level") for f in data_files(folder)}
    assert levels == {"flushed": {0}, "window": {0, 1}, "day": {2}, "compact": {2}}[request.param]
    types = {r["series"]: r["type"] for r in said}
    want = {(r["series"], r["t"]): (r["v"], r["q"], r["lag"]) for r in said}      # the last one stays
    return folder, types, want


def said_of(path, key):
    return int(pq.read_metadata(path).metadata[key.encode()])


def data_files(folder):
    """In the order that decides which of two equal samples counts: that of the footers' ranks, not of the names."""
    return sorted(folder.glob("tenants/1/ts/*/*/*/0?????????.parquet"), key=lambda p: said_of(p, "tenon.rank"))


def bits(kind, row):
    """The value as the writer prints it, from the columns of one row."""
    series, ts, ns, lag, m, e, f, d, s, q = row
    if kind in ("str", "bytes"):
        return None if s is None else bytes(s).hex()
    if kind in ("bool", "i64", "time"):
        assert f is None and d is None and s is None and (m is None or e == 0)
        return None if m is None else str(m)
    if m is not None:
        assert f is None and d is None and s is None
        return struct.pack("<d", m / 10.0**e).hex() if kind == "f64" else struct.pack("<f", m / 10.0**e).hex()
    return d if kind == "f64" else f


def collect(rows, types):
    got = {}
    for row in rows:
        series, ts, ns, lag, q = row[0], row[1], row[2], row[3], row[9]
        got[(series, ts * 1000 + (ns or 0))] = (bits(types[series], row), (q or 0) & 0xffffffff, lag)
    return got


def hexed(column, fmt):
    """Bits of a float column without going through a Python float, which would quieten signalling NaNs."""
    size = struct.calcsize(fmt)
    raw = column.buffers()[1].to_pybytes()
    at = column.offset * size
    return [raw[at + i * size:at + (i + 1) * size].hex() if column[i].is_valid else None for i in range(len(column))]


def arrow_rows(path):
    f = pq.ParquetFile(path, page_checksum_verification=True)
    t = f.read()
    assert t.column_names == COLUMNS
    for batch in t.to_batches():
        c = {n: batch.column(n) for n in COLUMNS}
        assert str(c["ts"].type) == "timestamp[us, tz=UTC]"
        yield from zip(c["series"].to_pylist(), c["ts"].cast(pa.int64()).to_pylist(), c["ns"].to_pylist(), c["lag"].to_pylist(),
                       c["m"].to_pylist(), c["e"].to_pylist(), hexed(c["f"], "<f"), hexed(c["d"], "<d"), c["s"].to_pylist(),
                       c["q"].to_pylist())


def compare(got, want):
    assert len(got) == len(want)
    different = [(k, want[k], got.get(k)) for k in want if got.get(k) != want[k]]
    assert not different, different[:5]


def test_pyarrow_reads_what_was_written(nasty):
    folder, types, want = nasty
    files = data_files(folder)
    assert len(files) >= 4 or {said_of(f, "tenon.level") for f in files} == {2} and len({f.parent for f in files}) == len(files)
    got = {}
    for path in files:
        got.update(collect(arrow_rows(path), types))
    compare(got, want)


def test_duckdb_reads_what_was_written(nasty):
    folder, types, want = nasty
    con = duckdb.connect()
    got = {}
    for path in data_files(folder):
        rows = con.execute("SELECT series, epoch_us(ts), ns, lag, m, e, f, d, s, q FROM read_parquet(?)", [str(path)]).fetchall()
        # DuckDB hands out floats by value; NaN payloads are compared by pyarrow alone.
        rows = [r[:6] + (None if r[6] is None else struct.pack("<f", r[6]).hex(), None if r[7] is None else struct.pack("<d", r[7]).hex()) + r[8:]
                for r in rows]
        got.update(collect(rows, types))

    def quiet(kind, v):
        if v is None or kind not in ("f32", "f64"):
            return v
        return "nan" if math.isnan(struct.unpack("<f" if kind == "f32" else "<d", bytes.fromhex(v))[0]) else v

    compare({k: (quiet(types[k[0]], v[0]), *v[1:]) for k, v in got.items()}, {k: (quiet(types[k[0]], v[0]), *v[1:]) for k, v in want.items()})


def test_duckdb_finds_values_through_a_view_that_hides_mantissas(nasty):
    folder, types, want = nasty
    con = duckdb.connect()
    glob = str(folder / "tenants/1/ts/*/*/*/0?????????.parquet")
    series = next(s for s, t in types.items() if t == "f64")
    rows = con.execute(f"""
        WITH v AS (SELECT series, epoch_us(ts) * 1000 + coalesce(ns, 0) AS t, coalesce(d, m / pow(10, e)) AS v, filename
                   FROM read_parquet('{glob}', filename = true)),
             rank AS (SELECT file_name, decode(value)::BIGINT AS rank FROM parquet_kv_metadata('{glob}') WHERE decode(key) = 'tenon.rank')
        SELECT t, arg_max(v, rank) FROM v JOIN rank ON file_name = filename WHERE series = {series} AND v IS NOT NULL
        AND isfinite(v) GROUP BY t""").fetchall()
    hit = 0
    for t, v in rows:
        w = want[(series, t)][0]
        if w is not None and math.isfinite(struct.unpack("<d", bytes.fromhex(w))[0]):
            assert struct.pack("<d", v).hex() == w
            hit += 1
    assert hit > 100


def test_series_parquet_says_what_the_numbers_mean(nasty):
    folder, types, _ = nasty
    for path in [folder / "tenants/1/series.parquet", *folder.glob("tenants/1/ts/*/*/*/series.parquet")]:
        rows = pq.read_table(path).to_pylist()
        assert {r["series"]: r["type"] for r in rows} == types
        assert rows[3]["path"] == "acme/一号线/p3" and rows[3]["unit"] == "℃"
        assert rows[3]["point"] == "01020000-0000-7000-8000-000000000003"
    assert len(list(folder.glob("tenants/1/ts/*/*/*/series.parquet"))) == len({p.parent for p in data_files(folder)})


def test_the_small_profile_says_so_and_needs_no_other_encodings(writer, tmp_path):
    writer(tmp_path, "nasty", "20260101", *LEVELS["compact"])
    files = data_files(tmp_path)
    assert files
    for path in files:
        meta = pq.read_metadata(path)
        assert meta.metadata[b"tenon.profile"] == b"compact"
        encodings = {e for g in range(meta.num_row_groups) for c in map(meta.row_group(g).column, range(meta.num_columns)) for e in c.encodings}
        assert encodings <= {"PLAIN", "RLE", "RLE_DICTIONARY", "DELTA_BINARY_PACKED"}


def test_rows_are_sorted_and_lie_in_their_day(nasty):
    folder, _, _ = nasty
    for path in data_files(folder):
        keys = [(r[0], r[1] * 1000 + (r[2] or 0)) for r in arrow_rows(path)]
        assert keys == sorted(set(keys))
        day = datetime.date(*map(int, path.parts[-4:-1]))
        assert all(datetime.datetime.fromtimestamp(t // 10**9, datetime.timezone.utc).date() == day for _, t in keys)


def test_statistics_and_indexes_are_true(nasty):
    folder, _, _ = nasty
    dictionaries = 0
    for path in data_files(folder):
        f = pq.ParquetFile(path)
        meta = f.metadata
        assert meta.created_by == "tenon version test"
        assert meta.metadata[b"tenon.number"] == str(int(path.stem)).encode()
        for g in range(meta.num_row_groups):
            group = meta.row_group(g)
            assert [(s.column_index, s.descending) for s in group.sorting_columns] == [(0, False), (1, False)]
            table = f.read_row_group(g)
            for i, name in enumerate(COLUMNS):
                c, values = group.column(i), [v for v in table[name].cast(pa.int64() if name == "ts" else table[name].type).to_pylist() if v is not None]
                assert c.compression == "ZSTD" and c.has_offset_index
                dictionaries += "RLE_DICTIONARY" in c.encodings
                stats = c.statistics
                assert stats.null_count == table.num_rows - len(values)
                values = [v for v in values if v == v]
                if name in ("series", "ts", "q") and values:
                    assert (stats.min_raw, stats.max_raw) == (min(values), max(values))
                if name in ("ns", "lag", "m", "e"):             # nobody looks for these by themselves
                    assert not stats.has_min_max
                if name in ("f", "d") and values:
                    assert (stats.min, stats.max) == (min(values), max(values))
                if name == "s" and values:
                    assert bytes(stats.min) <= min(values) and bytes(stats.max) >= max(values)
    # What has just been flushed has whole numbers as deltas, whatever would be smaller.
    assert dictionaries > 0 or {said_of(path, "tenon.level") for path in data_files(folder)} == {0}


RECORDINGS = ["skab/anomaly-free/anomaly-free.csv", "skab/valve1/0.csv", "nab/machine_temperature_system_failure.csv",
              "nab/ambient_temperature_system_failure.csv", "steel/Steel_industry_data.csv"]


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recording_comes_back_bit_equal(writer, tmp_path, name):
    path = tenon.SHARED / "data" / name
    if not path.exists():
        pytest.skip("../shared/data is absent")
    separator = ";" if "skab" in name else ","
    with open(path, newline="") as f:
        head, *rows = list(csv.reader(f, delimiter=separator))
    fmt = "%d/%m/%Y %H:%M" if "steel" in name else "%Y-%m-%d %H:%M:%S"
    stamps = [datetime.datetime.strptime(r[0], fmt).replace(tzinfo=datetime.timezone.utc) for r in rows]
    keep = [i for i in range(1, len(head)) if all(is_number(r[i]) for r in rows)]
    lines, want = ["t," + ",".join(f"c{i}" for i in keep)], {}
    for stamp, row in zip(stamps, rows):
        t = int(stamp.timestamp()) * 10**9
        lines.append(f"{t}," + ",".join(row[i] for i in keep))
        for k, i in enumerate(keep):
            want[(k + 1, t)] = struct.pack("<d", float(row[i])).hex()
    said = writer(tmp_path, "csv", ",", text="\n".join(lines) + "\n")
    got = {}
    for file in data_files(tmp_path):
        got.update({k: v[0] for k, v in collect(arrow_rows(file), {s + 1: "f64" for s in range(len(keep))}).items()})
    compare(got, want)
    print(f"{name}: {said[-1]['samples']} samples in {len(data_files(tmp_path))} files, {said[-1]['bytes_per_sample']} bytes a sample")


def is_number(text):
    try:
        float(text)
        return True
    except ValueError:
        return False
