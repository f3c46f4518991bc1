"""pyarrow reads the golden batches through the C Data Interface: an independent reader of the layout of model/batch.h."""
import ctypes
import os
import pathlib
import subprocess

import pytest

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")

TOP = pathlib.Path(os.environ.get("TENON_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("TENON_BUILD", TOP / "build"))
T0 = 1767225600 * 10**9

GLUE = r"""
#include "model/batch.h"
__attribute__((visibility("default"))) int view(const void *, size_t, struct ArrowSchema *, struct ArrowArray *);
int view(const void *bytes, size_t len, struct ArrowSchema *schema, struct ArrowArray *array)
{
	struct batch *b;
	int r = batch_copy(bytes, len, &b);
	if (r == 0) {
		r = batch_to_arrow(b, schema, array);
		batch_unref(b);
	}
	return r;
}
"""


@pytest.fixture(scope="module")
def view(tmp_path_factory):
    if not (BUILD / "libtenon.a").exists():
        pytest.skip("build/libtenon.a is not built")
    out = tmp_path_factory.mktemp("glue")
    (out / "glue.c").write_text(GLUE)
    subprocess.run([os.environ.get("CC", "cc").split()[-1], "-std=gnu11", "-D_GNU_SOURCE", "-shared", "-fPIC", "-fvisibility=hidden", "-I", TOP / "src",
                    out / "glue.c", BUILD / "libtenon.a", "-lm", "-lpthread", "-o", out / "glue.so"], check=True)
    lib = ctypes.CDLL(str(out / "glue.so"))
    lib.view.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p]

    def read(name):
        block = (TOP / "test" / "golden" / f"batch-{name}-v1.bin").read_bytes()
        schema, array = ctypes.create_string_buffer(72), ctypes.create_string_buffer(80)
        assert lib.view(block, len(block), schema, array) == 0
        got = pa.RecordBatch._import_from_c(ctypes.addressof(array), ctypes.addressof(schema))
        got.validate(full=True)
        return got

    return read


def ns(column):
    return column.cast(pa.int64()).to_pylist()


def test_tall(view):
    b = view("tall")
    assert b.schema.names == ["series", "time", "value", "quality"]
    assert b.schema.field("time").type == pa.timestamp("ns", tz="UTC")
    assert b["series"].to_pylist() == [7, 8, 7, 9, 8]
    assert ns(b["time"]) == [T0, T0 + 1, T0 + 10**9, T0 + 10**9, T0 + 2 * 10**9]
    assert [str(v) for v in b["value"].to_pylist()] == ["21.5", "-0.0", "1e-310", "None", "inf"]
    assert b["quality"].to_pylist() == [0, 0x40000000, 0, 0x80310000, 0x00960000]


def test_group(view):
    b = view("group")
    assert b.schema.names == ["time"] + [str(n) for n in range(100, 107)] + ["102.quality", "105.quality"]
    assert b["100"].to_pylist() == [True, False]
    assert b["101"].to_pylist() == [-(2**63), 2**63 - 1]
    assert b["102"].to_pylist() == [pytest.approx(0.1, rel=1e-7), None]
    assert b["104"].to_pylist() == ["运行 running", ""]
    assert b["105"].to_pylist() == [b"\x00\xff\xfe", None]
    assert ns(b["106"]) == [0, T0]
    assert b["102.quality"].to_pylist() == [0, 0x80320000]
    assert b.schema.field("105.quality").type == pa.run_end_encoded(pa.int32(), pa.uint32())
    assert b["105.quality"].to_pylist() == [0x40900000, 0x40900000]


def test_rows(view):
    b = view("rows")
    assert b.schema.names == ["time", "event", "批次", "ok"]
    assert b["event"].to_pylist() == ["start", None, "stop"]
    assert b["批次"].to_pylist() == [1, 2, 3]
    assert b["ok"].to_pylist() == [None, True, False]
