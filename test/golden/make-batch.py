#!/usr/bin/env python3
"""Writes batch-{tall,group,rows}-v1.bin from the words of src/model/batch.h alone, without any of its code.

The C builder must give the same bytes (src/model/batch_test.c). Released files are never written again; a new version gets new ones.
"""
import pathlib
import struct
import sys

TALL, GROUP, ROWS = 1, 2, 3
BOOL, I64, F32, F64, STR, BYTES, TIME = range(1, 8)
PLAIN, U32, CONST, CONST_U32 = range(4)
SERIES, TIMES, NAMES, TALL_VALUE, TALL_QUALITY, VALUE, QUALITY = 1, 2, 3, 4, 5, 0x10, 0x8000
SORTED, DERIVED = 1, 2


def bits(values):
    out = bytearray((len(values) + 7) // 8)
    for i, v in enumerate(values):
        out[i // 8] |= bool(v) << i % 8
    return bytes(out)


def body(vtype, values):
    zero = [0 if v is None else v for v in values]
    if vtype == BOOL:
        return bits(zero)
    return struct.pack("<%d%s" % (len(zero), {I64: "q", F32: "f", F64: "d", TIME: "q"}[vtype]), *zero)


class Block:
    def __init__(self, n_cols):
        self.n_cols, self.cols, self.bytes = n_cols, [], bytearray(48 + 16 * n_cols)

    def put(self, data):
        at = len(self.bytes)
        self.bytes += data + bytes(-len(data) % 8)
        return at

    def u32(self, name, values, enc=U32):
        self.cols.append(struct.pack("<BBHIII", I64, enc, name, 0, self.put(struct.pack("<%dI" % len(values), *values)), 0))

    def column(self, name, vtype, values, enc=PLAIN):
        valid = off = 0
        if None in values:
            valid = self.put(bits([v is not None for v in values]))
        if vtype in (STR, BYTES):
            texts = [b"" if v is None else v.encode() if isinstance(v, str) else v for v in values]
            ends = [sum(map(len, texts[:i])) for i in range(len(texts) + 1)]
            off = self.put(struct.pack("<%dI" % len(ends), *ends))
            data = self.put(b"".join(texts))
        else:
            data = self.put(body(vtype, values))
        self.cols.append(struct.pack("<BBHIII", vtype, enc, name, valid, data, off))

    def seal(self, shape, vtype, flags, tenant, source, acquired, rows):
        assert len(self.cols) == self.n_cols
        self.bytes += bytes(-len(self.bytes) % 64)
        head = struct.pack("<IBBBBIIQqIIII", len(self.bytes), 1, shape, vtype, flags, tenant, source, 0, acquired, rows, self.n_cols, 0, 0)
        self.bytes[: len(head)] = head
        self.bytes[48 : 48 + 16 * self.n_cols] = b"".join(self.cols)
        return bytes(self.bytes)


T0 = 1767225600 * 10**9  # 2026-01-01T00:00:00Z


def tall():
    b = Block(4)
    b.u32(SERIES, [7, 8, 7, 9, 8])
    b.column(TIMES, TIME, [T0, T0 + 1, T0 + 10**9, T0 + 10**9, T0 + 2 * 10**9])
    b.column(TALL_VALUE, F64, [21.5, -0.0, 1e-310, None, float("inf")])
    b.u32(TALL_QUALITY, [0, 0x40000000, 0, 0x80310000, 0x00960000])
    return b.seal(TALL, F64, SORTED, 3, 1001, T0 + 5, 5)


def group():
    b = Block(11)
    b.u32(SERIES, [100, 101, 102, 103, 104, 105, 106])
    b.column(TIMES, TIME, [T0, T0 - 10**6])
    b.column(VALUE + 0, BOOL, [True, False])
    b.column(VALUE + 1, I64, [-(2**63), 2**63 - 1])
    b.column(VALUE + 2, F32, [0.1, None])
    b.column(VALUE + 3, F64, [0.1, 2.5])
    b.column(VALUE + 4, STR, ["运行 running", ""])
    b.column(VALUE + 5, BYTES, [b"\x00\xff\xfe", None])
    b.column(VALUE + 6, TIME, [0, T0])
    b.u32(QUALITY + 2, [0, 0x80320000])
    b.u32(QUALITY + 5, [0x40900000], CONST_U32)
    return b.seal(GROUP, 0, DERIVED, 1, 42, -1, 2)


def rows():
    b = Block(5)
    b.column(TIMES, TIME, [T0, T0 + 1, T0 + 2])
    b.column(NAMES, STR, ["event", "批次", "ok"])
    b.column(VALUE + 0, STR, ["start", None, "stop"])
    b.column(VALUE + 1, I64, [1, 2, 3])
    b.column(VALUE + 2, BOOL, [None, True, False])
    return b.seal(ROWS, 0, SORTED, 2, 9, T0, 3)


if __name__ == "__main__":
    here = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
    here = here if here.is_dir() else here.parent
    for name, make in (("tall", tall), ("group", group), ("rows", rows)):
        (here / f"batch-{name}-v1.bin").write_bytes(make())
