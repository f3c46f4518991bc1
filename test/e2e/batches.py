"""A writer of application/vnd.tenon.batch from its description alone (src/model/batch.h, src/api/samples.md): nothing of the platform is linked."""
import struct

BOOL, I64, F32, F64, STR, BYTES, TIME = range(1, 8)
PLAIN, U32, CONST, CONST_U32 = range(4)
TYPE = {"Content-Type": "application/vnd.tenon.batch"}


def pad(b, n=8):
    return b + bytes(-len(b) % n)


def values(vtype, items):
    """(body, offsets or None, validity or None) of a column; None is no value."""
    present = [v is not None for v in items]
    valid = None
    if not all(present):
        valid = bytes(sum(present[r + i] << i for i in range(8) if r + i < len(items)) for r in range(0, len(items), 8))
    if vtype in (STR, BYTES):
        texts, at, offsets = [(v.encode() if isinstance(v, str) else v or b"") for v in items], 0, [0]
        for t in texts:
            at += len(t)
            offsets.append(at)
        return b"".join(texts), struct.pack(f"<{len(offsets)}I", *offsets), valid
    items = [0 if v is None else v for v in items]
    if vtype == BOOL:
        return bytes(sum(bool(items[r + i]) << i for i in range(8) if r + i < len(items)) for r in range(0, len(items), 8)), None, valid
    return struct.pack(f"<{len(items)}{ {I64: 'q', F32: 'f', F64: 'd', TIME: 'q'}[vtype]}", *items), None, valid


def block(shape, vtype, rows, columns):
    """columns: (name, vtype, enc, (body, offsets, valid)) in ascending order of names."""
    at, heads, bodies = 48 + 16 * len(columns), [], b""
    at += -at % 8

    def put(b):
        nonlocal bodies
        where = at + len(bodies)
        bodies = pad(bodies + b)
        return where
    for name, t, enc, (body, offsets, valid) in columns:
        o = put(offsets) if offsets is not None else 0
        d, v = put(body), put(valid) if valid is not None else 0
        heads.append(struct.pack("<BBHIII", t, enc, name, v, d, o))
    size = at + len(bodies)
    size += -size % 64
    head = struct.pack("<IBBBBIIQqIIII", size, 1, shape, vtype, 0, 0, 0, 0, 0, rows, len(columns), 0, 0)
    return (pad(head + b"".join(heads)) + bodies).ljust(size, b"\0")


def u32(items):
    return struct.pack(f"<{len(items)}I", *items), None, None


def names(points, column="point"):
    """Blocks that name points, by path or id, numbered from 0 on."""
    out = b""
    for i in range(0, len(points), 4096):
        part = points[i:i + 4096]
        out += block(3, 0, len(part), [(2, TIME, CONST, values(TIME, [0])), (3, STR, PLAIN, values(STR, [column])), (0x10, STR, PLAIN, values(STR, part))])
    return out


def tall(vtype, series, times, vals, quality=None):
    columns = [(1, I64, U32, u32(series)), (2, TIME, PLAIN, values(TIME, times)), (4, vtype, PLAIN, values(vtype, vals))]
    if quality:
        columns.append((5, I64, U32, u32(quality)))
    return block(1, vtype, len(times), columns)


def group(types, series, times, cells, quality=None):
    """cells: a column a series; quality: {index: column}."""
    columns = [(1, I64, U32, u32(series)), (2, TIME, PLAIN, values(TIME, times))]
    columns += [(0x10 + i, t, PLAIN, values(t, c)) for i, (t, c) in enumerate(zip(types, cells))]
    columns += [(0x8000 + i, I64, U32, u32(q)) for i, q in sorted((quality or {}).items())]
    return block(2, 0, len(times), columns)


def send(platform, body, token=None, **headers):
    return platform.call("POST", "/api/v1/write", body, token=token, headers={**TYPE, **headers})
