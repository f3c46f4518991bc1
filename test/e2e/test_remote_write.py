"""Peers: protobuf 7.36.2 and snappy of pyarrow 26.0.1 (PyPI) word remote-write requests (remote_write.py). What the specifications 1.0 and 2.0
demand of a receiver: good samples are stored, wrong ones named, the headers count, nothing is acknowledged that is not durable."""
import http.client
import math
import random
import signal
import struct
import time

import pytest

import remote_write as rw
import tenon

DAY = ("2023-11-14T00:00:00Z", "2023-11-16T00:00:00Z")
T0 = 1700000000000
WRITTEN = "X-Prometheus-Remote-Write-Samples-Written"
LABELS = {"instance": "10.0.0.1:9100", "job": "node"}
HEAD = "prometheus,instance=10.0.0.1:9100,job=node"
both = pytest.mark.parametrize("version,word", [(1, rw.request1), (2, rw.request2)])


def bits(n):
    return struct.unpack("<d", struct.pack("<Q", n))[0]


def read(platform, path, n):
    return tenon.wait_for(lambda: (lambda s: s if s and len(s["t"]) == n else None)(platform.query([path], *DAY).get(path)), 20, f"{n} of {path}")


@both
def test_samples_of_many_series_come_back(platform, version, word):
    name = f"many_v{version}"
    series = [({"__name__": name, **LABELS, "cpu": str(c)}, [(T0 + i * 1000, c + i / 8) for i in range(20)]) for c in range(50)]
    status, head, body = rw.send(platform, word(*series), version)
    assert (status, body) == (204, b"")
    assert (head[WRITTEN], head["X-Prometheus-Remote-Write-Histograms-Written"], head["X-Prometheus-Remote-Write-Exemplars-Written"]) == ("1000", "0", "0")
    for c in range(50):
        got = read(platform, f"{HEAD}/{name},cpu={c}", 20)
        assert got["t"] == [(T0 + i * 1000) * 1000 for i in range(20)] and got["v"] == [c + i / 8 for i in range(20)]
    devices = platform.call("GET", "/api/v1/devices?code.like=prometheus*")[2]["items"]
    assert [d["code"] for d in devices] == [HEAD]                   # one device a target


@both
def test_numbers_that_are_none_and_the_stale_marker(platform, version, word):
    name, ms = f"odd_v{version}", [T0 + i for i in range(6)]
    values = [math.nan, math.inf, -math.inf, -0.0, 5e-324, bits(rw.STALE)]
    assert rw.send(platform, word(({"__name__": name}, list(zip(ms, values)))), version)[0] == 204
    got = read(platform, f"prometheus/{name}", 6)
    assert [str(float(v)) for v in got["v"][:3]] == ["nan", "inf", "-inf"], got
    assert got["v"][3] == 0 and got["v"][4] == 5e-324
    assert got["v"][5] is None and got["q"] == [0, 0, 0, 0, 0, 0x80310000]          # Bad: no communication, and no number


def decode(path):
    """The documented rule read backwards (src/api/samples.md)."""
    import urllib.parse
    device, point = path.split("/")
    name, *rest = point.split(",")
    pairs = [p.split("=") for p in device.split(",")[1:] + rest]
    return {"__name__": urllib.parse.unquote(name), **{urllib.parse.unquote(k): urllib.parse.unquote(v) for k, v in pairs}}


@both
def test_the_path_can_be_read_backwards(platform, version, word):
    sets = [{"__name__": f"back_v{version}", "path": "/api/v1/query?a=b,c=d", "percent": "100%", "back\\slash": "a\\b"},
            {"__name__": f"back_v{version}:rate5m", "job": "a/b", "instance": "http://[::1]:80/", "名": "点 位", "tab": "a\tb"}]
    assert rw.send(platform, word(*[(s, [(T0, 1)]) for s in sets]), version)[0] == 204
    points = platform.call("GET", f"/api/v1/points?path.like=*back_v{version}*")[2]["items"]
    assert sorted((decode(p["path"]) for p in points), key=str) == sorted(sets, key=str)


def test_unit_and_help_of_2_0_name_the_point_that_is_made(platform):
    assert rw.send(platform, rw.request2(({"__name__": "described"}, [(T0, 1)]), help="Seconds spent. 秒", unit="seconds"), 2)[0] == 204
    point = platform.call("GET", "/api/v1/points?path=prometheus/described")[2]["items"][0]
    assert (point["unit"], point["description"], point["type"]) == ("seconds", "Seconds spent. 秒", "f64")
    assert rw.send(platform, rw.request2(({"__name__": "described"}, [(T0 + 1, 1)]), help="other", unit="bytes"), 2)[0] == 204
    again = platform.call("GET", "/api/v1/points?path=prometheus/described")[2]["items"][0]
    assert again["rev"] == point["rev"]                             # what people may have changed stays


@both
def test_duplicates_and_late_samples_are_normal(platform, version, word):
    name = {"__name__": f"late_v{version}"}
    for values in ([(T0 + 3, 3.0), (T0 + 4, 4.0)], [(T0 + 1, 1.0), (T0 + 3, 30.0)], [(T0 + 3, 31.0)], [(T0 + 4, 4.0), (T0 + 4, 4.0)]):
        assert rw.send(platform, word((name, values)), version)[0] == 204
    tenon.wait_for(lambda: platform.query([f"prometheus/late_v{version}"], *DAY)[f"prometheus/late_v{version}"]["v"] == [1, 31, 4], 20, "the last of each")


@both
def test_one_wrong_series_does_not_cost_the_others(platform, version, word):
    """What users of other receivers complain of (prometheus/prometheus#9214): a whole request lost for one series, and no word which."""
    name, year = f"partly_v{version}", 365 * 86400 * 1000
    good = ({"__name__": name, "n": "1"}, [(T0, 1.0)])
    body = word(good, ({"n": "2"}, [(T0, 1.0)] * 3), ({"__name__": name, "n": "3"}, [(T0, 3.0), (int(time.time() * 1000) + year, 4.0)]),
                ({"__name__": name, "n": "4", "long": "x" * 300}, [(T0, 1.0)]), ({"__name__": name, "n": "5"}, [(T0, 5.0)]))
    status, head, problem = rw.send(platform, body, version)
    assert (status, problem["code"], head[WRITTEN]) == (400, "partly_written", "3")
    assert (problem["args"]["value"], problem["args"]["count"]) == ("3", "8")
    assert [e["pointer"] for e in problem["errors"]] == ["/timeseries/1", "/timeseries/3", "/timeseries/2"]
    for n, v in (("1", 1), ("3", 3), ("5", 5)):
        assert read(platform, f"prometheus/{name},n={n}", 1)["v"] == [v]
    zh = rw.send(platform, body, version, Accept_Language="zh")[2]
    assert "样本" in zh["detail"] and "维度" in zh["detail"], zh


@both
def test_native_histograms_and_exemplars_are_refused_by_name(platform, version, word):
    name = f"shape_v{version}"
    good = ({"__name__": name}, [(T0, 1.0)])
    histogram = ({"__name__": name + "_h"}, [], {"histograms": [dict(count_int=3, sum=2.5, timestamp=T0)]})
    status, head, problem = rw.send(platform, word(good, histogram), version)
    assert (status, problem["code"], head[WRITTEN]) == (400, "partly_written", "1") and "native" in problem["detail"] and name in problem["detail"]
    exemplar = {"exemplars": [dict(value=1, timestamp=T0)]}
    status, head, problem = rw.send(platform, word((*good, exemplar)), version)
    if version == 1:
        assert (status, head[WRITTEN]) == (204, "1")                # 1.0 promised nothing about them
    else:
        assert (status, head[WRITTEN], problem["args"]["value"]) == (400, "1", "1") and "exemplar" in problem["detail"]
    read(platform, f"prometheus/{name}", 1)
    assert platform.call("GET", f"/api/v1/points?path=prometheus/{name}_h")[2]["items"] == []


def test_values_fit_the_type_of_a_point_that_is_there(platform):
    text = {"Content-Type": "text/plain"}
    assert platform.call("POST", "/api/v1/write?precision=s", 'prometheus i=1i,b=true,s="x" 1699999999', headers=text)[0] == 204
    series = [({"__name__": n}, [(T0, v), (T0 + 1, 0.5)]) for n, v in (("i", 2.0**62), ("b", 0.0), ("s", 1.0))]
    status, head, problem = rw.send(platform, rw.request1(*series))
    assert (status, head[WRITTEN]) == (400, "2") and {e["code"] for e in problem["errors"]} == {"type_conflict"} and len(problem["errors"]) == 3
    assert int(read(platform, "prometheus/i", 2)["v"][1]) == 2**62
    assert read(platform, "prometheus/b", 2)["v"] == [True, False]
    assert read(platform, "prometheus/s", 1)["v"] == ["x"]


def test_requests_without_samples_are_fine(platform):
    q = rw.v1["WriteRequest"]()
    q.metadata.add(type=1, metric_family_name="up", help="Is it up", unit="")
    for body in (q.SerializeToString(), b"", rw.request1(({"__name__": "none"}, []))):
        status, head, _ = rw.send(platform, body)
        assert (status, head[WRITTEN]) == (204, "0")
    assert platform.call("GET", "/api/v1/points?path=prometheus/none")[2]["items"] == []


GOOD = rw.request1(({"__name__": "never"}, [(T0, 1)]))
OTHER = rw.request2(({"__name__": "never"}, [(T0, 1)]))


@pytest.mark.parametrize("fields,status", [
    (dict(Content_Type="application/x-protobuf;proto=io.prometheus.write.v3.Request"), 415), (dict(Content_Type="application/json"), 415),
    (dict(Content_Type=None), 415), (dict(Content_Encoding="gzip"), 415), (dict(Content_Encoding="zstd"), 415),
    (dict(Content_Encoding="identity"), 415), (dict(Authorization="Bearer tnn_wrong"), 401), (dict(Authorization=None), 401),
])
def test_what_is_not_known_is_said_so(platform, fields, status):
    got, head, problem = rw.send(platform, GOOD, **fields)
    assert got == status, problem
    if status == 415 and "Content_Encoding" in fields:
        assert head["Accept-Encoding"] == "snappy"
    assert WRITTEN not in head


@pytest.mark.parametrize("kind", ["application/x-protobuf;proto=prometheus.WriteRequest", 'application/x-protobuf; proto="prometheus.WriteRequest"',
                                  "application/x-protobuf; charset=utf-8"])
def test_the_message_is_told_by_the_content_type(platform, kind):
    body = rw.request1(({"__name__": "kinds"}, [(T0, 1)]))
    status, head, _ = rw.send(platform, body, Content_Type=kind, Content_Encoding=None)
    assert (status, head[WRITTEN]) == (204, "1")


@pytest.mark.parametrize("version,body,status,code", [
    (1, b"", 400, "bad_body"), (1, b"\xff" * 10, 400, "bad_body"), (1, rw.pack(GOOD)[:-1], 400, "bad_body"), (1, GOOD, 400, "bad_body"),
    (1, rw.pack(GOOD[:-1]), 400, "bad_body"), (2, rw.pack(OTHER[:-1]), 400, "bad_body"), (2, rw.pack(b"\x2a\x00"), 400, "bad_body"),
    (1, rw.pack(b"\x0a\x04\x12\x02\x08\x01"), 400, "bad_body"), (1, b"\xff\xff\xff\xff\x0f" + b"\0" * 10, 413, "too_large"),
    (1, rw.pack(bytes(17 << 20)), 413, "too_large"), (1, rw.pack(b"\x0a\x00" * 50001), 422, "count"),
    (1, rw.pack(rw.request1(({"__name__": "flood"}, [(0, 0.0)] * 500001))), 422, "count"), (1, bytes(11 << 20), 413, "too_large"),
])
def test_a_hostile_body_is_refused_whole(platform, version, body, status, code):
    got, head, problem = rw.send(platform, body, version, packed=False)
    assert (got, problem["code"]) == (status, code), problem
    assert WRITTEN not in head


@both
def test_labels_that_break_the_rules(platform, version, word):
    bad = [{"__name__": "x" * 201}, {"__name__": "rules", **{f"l{i}": "" for i in range(65)}}, {"__name__": "", "a": "b"}, {"": "x", "__name__": "rules"}]
    body = word(*[(labels, [(T0, 1.0)]) for labels in bad], ({"__name__": f"rules_v{version}", "empty": ""}, [(T0, 2.0)]))
    status, head, problem = rw.send(platform, body, version)
    assert (status, head[WRITTEN], len(problem["errors"])) == (400, "1", 4), problem
    assert read(platform, f"prometheus/rules_v{version}", 1)["v"] == [2]           # a label without value is none
    q = rw.v1["WriteRequest"]()
    for pairs in ([("b", "1"), ("__name__", f"sorted_v{version}"), ("a", "2")], [("a", "2"), ("a", "3"), ("__name__", "twice")]):
        s = q.timeseries.add()
        for name, value in pairs:
            s.labels.add(name=name, value=value)
        s.samples.add(timestamp=T0, value=3)
    status, head, problem = rw.send(platform, q.SerializeToString())
    assert (status, head[WRITTEN]) == (400, "1") and problem["errors"][0]["pointer"] == "/timeseries/1"
    assert read(platform, f"prometheus/sorted_v{version},a=2,b=1", 1)["v"] == [3]


def test_bytes_that_were_turned_never_hurt(platform):
    rng = random.Random(11)
    for version, good in ((1, GOOD), (2, OTHER)):
        for _ in range(100):
            bad = bytearray(good)
            for _ in range(rng.randint(1, 3)):
                bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
            status, _, answer = rw.send(platform, bytes(bad), version)
            assert status == 204 or 400 <= status < 500, answer
            packed = bytearray(rw.pack(good))
            packed[rng.randrange(len(packed))] ^= 1 << rng.randrange(8)
            status, _, answer = rw.send(platform, bytes(packed), version, packed=False)
            assert status == 204 or 400 <= status < 500, answer


def test_a_sender_without_the_right_to_make_points_feeds_existing_ones_only(platform):
    feeder = platform.make("roles", name="remote_feeder", permissions=["sample.write"])
    sender = platform.make("tokens", name="remote_feeder", role=feeder["id"])["secret"]
    assert rw.send(platform, rw.request1(({"__name__": "fed"}, [(T0, 1.0)])))[0] == 204
    status, head, problem = rw.send(platform, rw.request1(({"__name__": "fed"}, [(T0 + 1, 2.0)]), ({"__name__": "unfed"}, [(T0, 1.0)])), token=sender)
    assert (status, head[WRITTEN], problem["errors"][0]["code"]) == (400, "1", "denied")
    assert read(platform, "prometheus/fed", 2)["v"] == [1, 2]
    assert platform.call("GET", "/api/v1/points?path=prometheus/unfed")[2]["items"] == []


def test_new_series_are_refused_by_quota_and_known_ones_go_on(tmp_path):
    """Through each of the doors; the platform stays well."""
    import batches
    (tmp_path / "tenon.conf").write_text("[limits]\npoints = 100\n")
    p = tenon.Platform(None, "--config", str(tmp_path / "tenon.conf"))
    try:
        def series(first, n):
            return rw.request1(*[({"__name__": "quota", "n": f"{i:05}"}, [(T0, i)]) for i in range(first, first + n)])
        assert rw.send(p, series(0, 90))[0] == 204
        for _ in range(2):
            status, head, problem = rw.send(p, series(80, 10020))
            assert (status, head[WRITTEN]) == (400, "20"), problem
            assert problem["errors"][0]["code"] == "quota" and problem["args"]["count"] == "10020"
        assert p.call("GET", "/api/v1/points?count=true&limit=1")[2]["count"] == 100
        status, _, problem = p.call("POST", "/api/v1/write", "quota f=1", headers={"Content-Type": "text/plain"})
        assert (status, problem["code"]) == (422, "quota")
        status, _, problem = batches.send(p, batches.names(["quota/x"]) + batches.tall(batches.F64, [0], [T0 * 10**6], [1.0]))
        assert (status, problem["code"]) == (422, "quota")
        assert rw.send(p, series(0, 100))[0] == 204
        assert read(p, "prometheus/quota,n=00099", 1)["v"] == [99]
    finally:
        assert p.close() == 0


def test_killed_in_the_middle_and_sent_again(tmp_path):
    """What was acknowledged is there after kill -9; the sender repeats what was not, and what came through twice is there once."""
    p = tenon.Platform(str(tmp_path / "data"))
    token = p.token = p.sign_in()
    done = 0

    def body(i):
        return rw.request1(*[({"__name__": "killed", "n": str(n)}, [(T0 + i, i)]) for n in range(20)])
    for kill in range(2):
        try:
            for i in range(done, done + 60):
                if i == done + 30 + kill:
                    p.child.send_signal(signal.SIGKILL)
                if rw.send(p, body(i))[0] == 204:
                    done = i + 1
        except (OSError, http.client.HTTPException):
            pass
        p.stop(signal.SIGKILL)
        p = tenon.Platform(str(tmp_path / "data"))
        p.token = token
        for i in range(max(0, done - 2), done + 1):
            assert rw.send(p, body(i))[0] == 204
        done += 1
    for n in (0, 19):
        series = tenon.wait_for(lambda: (lambda s: s if s and len(s["t"]) >= done else None)(
            p.query([f"prometheus/killed,n={n}"], *DAY).get(f"prometheus/killed,n={n}")), 30, "all")
        assert series["v"][:done] == list(range(done)) and len(set(series["t"])) == len(series["t"])
    assert p.stop() == 0
