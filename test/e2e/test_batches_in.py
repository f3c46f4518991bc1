"""Peer: struct of Python 3.11 words the blocks from their description (batches.py). What is sent as batches reads back; what is hostile is
refused whole; re-sent after kill -9, nothing is lost and nothing is there twice."""
import http.client
import math
import random
import signal
import struct

import pytest

import batches as b
import tenon

DAY = ("2023-11-14T00:00:00Z", "2023-11-16T00:00:00Z")
T0 = 1700000000 * 10**9
SECOND = 10**9


def read(platform, path, n):
    return tenon.wait_for(lambda: (lambda s: s if s and len(s["t"]) == n else None)(platform.query([path], *DAY).get(path)), 20, f"{n} of {path}")


def problem(answer):
    return answer[0], answer[2]["code"]


def test_every_type_and_shape_reads_back(platform):
    n = 1000
    times = [T0 + i * SECOND for i in range(n)]
    body = b.names(["shapes/b", "shapes/i", "shapes/f", "shapes/d", "shapes/s", "shapes/g1", "shapes/g2"])
    body += b.tall(b.BOOL, [0] * n, times, [i % 3 == 0 for i in range(n)])
    body += b.tall(b.I64, [1] * n, times, [i - 2**62 for i in range(n)])
    body += b.tall(b.F32, [2] * n, times, [i / 8 for i in range(n)])
    body += b.tall(b.F64, [3] * n, times, [math.pi * i for i in range(n)])
    body += b.tall(b.STR, [4] * n, times, [f"点 {i}" for i in range(n)])
    body += b.group([b.F64, b.I64], [5, 6], times, [[i * 0.1 for i in range(n)], list(range(n))])
    status, _, text = b.send(platform, body)
    assert (status, text) == (204, b"")
    assert read(platform, "shapes/b", n)["v"] == [i % 3 == 0 for i in range(n)]
    assert [int(v) for v in read(platform, "shapes/i", n)["v"]] == [i - 2**62 for i in range(n)]
    assert read(platform, "shapes/f", n)["v"] == [i / 8 for i in range(n)]
    assert read(platform, "shapes/d", n)["v"] == [math.pi * i for i in range(n)]
    assert read(platform, "shapes/s", n)["v"] == [f"点 {i}" for i in range(n)]
    assert read(platform, "shapes/g1", n)["v"] == [i * 0.1 for i in range(n)]
    assert read(platform, "shapes/g2", n)["v"] == list(range(n))
    assert [t * 1000 for t in read(platform, "shapes/g2", n)["t"]] == times
    assert read(platform, "shapes/f", n)["type"] == "f32"


def test_a_sample_without_value_keeps_its_quality(platform):
    body = b.names(["quality/x", "quality/y"])
    body += b.tall(b.F64, [0] * 3, [T0, T0 + SECOND, T0 + 2 * SECOND], [1.5, None, 2.5], [0, 0x808B0000, 0x40940000])
    body += b.group([b.F64], [1], [T0, T0 + SECOND], [[None, 7.0]], {0: [0x80310000, 0]})
    assert b.send(platform, body)[0] == 204
    x, y = read(platform, "quality/x", 3), read(platform, "quality/y", 2)
    assert (x["v"], x["q"]) == ([1.5, None, 2.5], [0, 0x808B0000, 0x40940000])
    assert (y["v"], y["q"]) == ([None, 7.0], [0x80310000, 0])


def test_points_are_named_by_id_or_by_path_and_their_order_is_the_senders(platform):
    """The sender's numbers ascend where the platform's descend: what was sorted need not be so any more."""
    assert b.send(platform, b.names(["order/z", "order/a"]) + b.tall(b.F64, [0, 1], [T0, T0], [1, 2]))[0] == 204
    ids = {p["code"]: p["id"] for p in platform.call("GET", "/api/v1/points?path.like=order/*")[2]["items"]}
    series, times = [0] * 50 + [1] * 50, [T0 + i * SECOND for i in range(1, 51)] * 2
    body = b.names([ids["a"], "order/z"]) + b.tall(b.F64, series, times, [float(i) for i in range(100)])
    assert b.send(platform, body)[0] == 204
    assert read(platform, "order/a", 51)["v"] == [2.0] + [float(i) for i in range(50)]
    assert read(platform, "order/z", 51)["v"] == [1.0] + [float(i) for i in range(50, 100)]


def test_thousands_of_names_in_several_blocks(platform):
    paths = [f"many{i % 7}/p{i}" for i in range(5000)]
    body = b.names(paths) + b.tall(b.I64, list(range(4096)), [T0] * 4096, list(range(4096)))
    body += b.tall(b.I64, list(range(4096, 5000)), [T0] * 904, list(range(4096, 5000)))
    assert b.send(platform, body)[0] == 204
    for i in (0, 4095, 4096, 4999):
        assert read(platform, paths[i], 1)["v"] == [i]
    before = platform.call("GET", "/api/v1/points?count=true&limit=1")[2]["count"]
    assert b.send(platform, body)[0] == 204                 # the same again makes nothing
    assert platform.call("GET", "/api/v1/points?count=true&limit=1")[2]["count"] == before


NAMES, ROW = b.names(["bad/a", "bad/b"]), b.tall(b.F64, [0], [T0], [1.0])


def with_u32(block, at, value):
    return block[:at] + struct.pack("<I", value) + block[at + 4:]


OVERLAP = bytearray(b.tall(b.STR, [0, 0], [T0, T0], ["x", "y"]))
OVERLAP[48 + 4 * 1 + 4:48 + 12] = OVERLAP[48 + 16 * 2 + 12:48 + 16 * 2 + 16]     # the numbers lie where the texts' offsets lie


@pytest.mark.parametrize("body,code", [
    (b"x", "bad_body"), (bytes(64), "bad_body"), (NAMES[:-1], "bad_body"), (NAMES + ROW[:100], "bad_body"),
    (NAMES + ROW[:50] + bytes(100), "bad_body"),
    (ROW, "bad_body"),                                                                  # a number that was not named
    (NAMES + b.tall(b.F64, [2], [T0], [1.0]), "bad_body"),
    (ROW + NAMES, "bad_body"), (NAMES + ROW + NAMES, "bad_body"),
    (b.names(["bad/a"], column="path") + ROW, "bad_body"),
    (NAMES + with_u32(ROW, 0, 2**31), "bad_body"), (NAMES + with_u32(ROW, 36, 5000), "bad_body"),
    (NAMES + with_u32(b.group([b.F64], [0], [T0], [[1.0]]), 40, 7), "bad_body"),        # a registered list of the platform's
    (NAMES + b.group([b.F64, b.F64], [0, 0], [T0], [[1.0], [2.0]]), "bad_body"),        # twice in a group
    (b.names(["bad/a", "bad/a"]) + b.group([b.F64, b.F64], [0, 1], [T0], [[1.0], [2.0]]), "bad_body"),
    (b.names(["bad/a", "bad/b"]) + bytes(OVERLAP), "bad_body"),
    (NAMES + b.tall(b.F64, [0, 0], [T0, T0], [1.0, 2.0]) + b.tall(b.I64, [0], [T0], [1]), "type_conflict"),
    (NAMES + b.tall(b.BYTES, [0], [T0], [b"x"]), "type_conflict"), (NAMES + b.tall(b.TIME, [0], [T0], [1]), "type_conflict"),
    (NAMES + b.tall(b.F64, [0, 0], [-2**63, T0], [1.0, 1.0]), "too_small"),             # that instant means: none
    (NAMES + b.tall(b.F64, [0], [2**63 - 1], [1.0]), "invalid"),                        # ahead of the clock
    (b.names(["site/line/x"]) + ROW, "invalid"),                                        # inside the plant nothing is made
    (b.names(["nothing"]) + ROW, "length"), (b.names(["bad/" + "x" * 201]) + ROW, "length"), (b.names(["bad/" + "x" * 500]) + ROW, "length"),
    (b.names(["01a20680-aadc-7e14-9dc5-8cbd28b2d0ff"]) + ROW, "missing"),
    (NAMES + b"".join(b.group([b.F64] * 1000, range(1000), [T0] * 2, [[0.0] * 2] * 1000) for _ in range(1)), "bad_body"),
])
def test_a_hostile_body_changes_nothing(platform, body, code):
    status, _, answer = b.send(platform, bytes(body))
    assert 400 <= status < 500 and answer["code"] == code, answer
    assert platform.call("GET", "/api/v1/devices?code=bad")[2]["items"] == []


def test_more_than_half_a_million_samples_of_few_bytes_are_refused(platform):
    """A constant column may stand for many: what it would grow to is counted before."""
    k, m = 1000, 1000
    columns = [(1, b.I64, b.U32, b.u32(range(k))), (2, b.TIME, b.PLAIN, b.values(b.TIME, [T0 + i for i in range(m)]))]
    columns += [(0x10 + i, b.F64, b.CONST, b.values(b.F64, [1.0])) for i in range(k)]
    body = b.names([f"flood/{i}" for i in range(k)]) + b.block(2, 0, m, columns)
    assert len(body) < 100_000
    assert problem(b.send(platform, body)) == (422, "count")
    assert platform.call("GET", "/api/v1/devices?code=flood")[2]["items"] == []


def test_bytes_that_were_turned_never_hurt(platform):
    """Any byte of a good body turned: it is taken or refused, and the platform goes on."""
    rng = random.Random(5)
    good = b.names(["turned/a", "turned/b"]) + b.tall(b.STR, [0, 0, 0], [T0, T0 + 1, T0 + 2], ["a", None, "ccc"])
    good += b.group([b.F64], [1], [T0, T0 + 1], [[1.0, None]], {0: [0, 0x80310000]})
    for _ in range(120):
        bad = bytearray(good)
        for _ in range(rng.randint(1, 3)):
            bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
        status, _, answer = b.send(platform, bytes(bad))
        assert status == 204 or 400 <= status < 500, answer
    assert b.send(platform, b.names(["turned/c"]) + ROW)[0] == 204


def test_rights_are_those_of_every_door(platform):
    feeder = platform.make("roles", name="batch_feeder", permissions=["sample.write"])
    sender = platform.make("tokens", name="batch_feeder", role=feeder["id"])["secret"]
    assert b.send(platform, b.names(["right/a"]) + ROW)[0] == 204
    assert b.send(platform, b.names(["right/a"]) + b.tall(b.F64, [0], [T0 + 1], [2.0]), token=sender)[0] == 204
    assert problem(b.send(platform, b.names(["right/b"]) + ROW, token=sender)) == (403, "denied")
    reader = platform.make("roles", name="batch_reader", permissions=["sample.read"])
    nobody = platform.make("tokens", name="batch_reader", role=reader["id"])["secret"]
    assert problem(b.send(platform, b.names(["right/a"]) + ROW, token=nobody)) == (403, "denied")


def test_killed_in_the_middle_and_sent_again(tmp_path):
    """Every body that was acknowledged is there after kill -9; sent again from the first one that was not, no sample is there twice."""
    p = tenon.Platform(str(tmp_path / "data"))
    token = p.token = p.sign_in()
    rows, done = 500, 0

    def body(i):
        times = [T0 + (i * rows + r) * 1_000_000 for r in range(rows)]
        return b.names(["again/v"]) + b.tall(b.I64, [0] * rows, times, list(range(i * rows, (i + 1) * rows)))
    for kill in range(2):
        try:
            for i in range(done, done + 40):
                if i == done + 20 + kill:
                    p.child.send_signal(signal.SIGKILL)
                if b.send(p, body(i))[0] == 204:
                    done = i + 1
        except (OSError, http.client.HTTPException):
            pass
        p.stop(signal.SIGKILL)
        p = tenon.Platform(str(tmp_path / "data"))
        p.token = token
        for i in range(max(0, done - 3), done + 1):         # the sender does not know which came through last
            assert b.send(p, body(i))[0] == 204
        done += 1
    want = list(range(done * rows))
    series = tenon.wait_for(lambda: (lambda s: s if s and s["v"][:len(want)] == want else None)(p.query(["again/v"], *DAY).get("again/v")), 30, "all")
    assert len(series["t"]) == len(set(series["t"]))
    assert p.stop() == 0


def test_it_is_packed_as_other_bodies_may_be(platform):
    import gzip
    body = b.names(["packed/a"]) + b.tall(b.F64, [0], [T0], [4.5])
    assert b.send(platform, gzip.compress(body), **{"Content-Encoding": "gzip"})[0] == 204
    assert read(platform, "packed/a", 1)["v"] == [4.5]


def test_the_command_line_sends_a_file_of_batches(platform, tmp_path):
    import os
    import subprocess
    (tmp_path / "b").write_bytes(b.names(["sent/a"]) + b.tall(b.F64, [0], [T0], [7.5]))
    done = subprocess.run([tenon.PROGRAM, "write", str(tmp_path / "b"), "--format", "batches", "--server", platform.url], capture_output=True, text=True,
                          env={**os.environ, "TENON_TOKEN": platform.sign_in(name="file")})
    assert done.returncode == 0, done.stderr
    assert read(platform, "sent/a", 1)["v"] == [7.5]
