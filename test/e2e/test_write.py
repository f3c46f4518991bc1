"""Peer: influxdb-client 1.50.0 (PyPI) words the lines; what was sent reads back. And what /write refuses, it refuses whole."""
import datetime
import math
import time

import pytest

import tenon

influxdb_client = pytest.importorskip("influxdb_client")
DAY = ("2023-11-14T00:00:00Z", "2023-11-16T00:00:00Z")
T0 = 1700000000


def read(platform, path, n):
    return tenon.wait_for(lambda: (lambda s: s if s and len(s["t"]) == n else None)(platform.query([path], *DAY).get(path)), 20, f"{n} of {path}")


def test_what_the_influxdb_client_words_comes_back_in_every_type(platform):
    points = [influxdb_client.Point("influx").tag("line", "a b,c").field("f", math.pi * i).field("i", i - 2**62).field("b", i % 2 == 0)
              .field("s", f'text "{i}" 点, with = and \\ ').time(datetime.datetime.fromtimestamp(T0 + i, datetime.timezone.utc))
              for i in range(50)]
    body = "\n".join(p.to_line_protocol() for p in points)
    status, _, problem = platform.call("POST", "/api/v1/write", body, headers={"Content-Type": "text/plain"})
    assert status == 204, problem
    head = "influx,line=a b,c"
    assert read(platform, f"{head}/f", 50)["v"] == [math.pi * i for i in range(50)]
    assert [int(v) for v in read(platform, f"{head}/i", 50)["v"]] == [i - 2**62 for i in range(50)]
    assert read(platform, f"{head}/b", 50)["v"] == [i % 2 == 0 for i in range(50)]
    assert read(platform, f"{head}/s", 50)["v"] == [f'text "{i}" 点, with = and \\ ' for i in range(50)]


@pytest.mark.parametrize("line,status,code", [
    ("w f=1 x", 400, "syntax"), ("w f=", 400, "syntax"), ("w", 400, "syntax"), ("w f=nan", 400, "syntax"),
    ("w f=1i 1700000000000000000", 422, "type_conflict"),          # the series holds text
    ("w f=1 9223372036854775807", 422, "invalid"),                 # more than an hour ahead
    ('w f="1" -9223372036854775808', 422, "too_small"),            # was taken, and never seen again
    ("site/nowhere f=1", 422, "invalid"),                          # inside the plant: nothing is made there
    ("w\xff f=1", None, None),
    ("w\0w f=1", 422, "invalid"), ("w f\0f=1", 422, "invalid"),    # no name holds U+0000
])
def test_one_wrong_line_and_nothing_is_stored(platform, line, status, code):
    head = {"Content-Type": "text/plain"}
    assert platform.call("POST", "/api/v1/write", 'w f="first" 1700000000000000000', headers=head)[0] == 204
    body = f"fresh{abs(hash(line))} f=1 1700000000000000000\n".encode() + line.encode("latin-1")
    got, _, problem = platform.call("POST", "/api/v1/write", body, headers=head)
    if status is None:
        assert 400 <= got < 500
    else:
        assert (got, problem["code"]) == (status, code), problem
        assert problem["errors"][0]["pointer"] == "/2", problem
    assert platform.call("GET", f"/api/v1/devices?code=fresh{abs(hash(line))}")[2]["items"] == []


def test_a_sender_without_the_right_to_make_points_feeds_existing_ones_only(platform):
    feeder = platform.make("roles", name="feeder", permissions=["sample.write"])
    sender = platform.make("tokens", name="feeder", role=feeder["id"])["secret"]
    head = {"Content-Type": "text/plain"}
    assert platform.call("POST", "/api/v1/write", "known v=1 1700000000000000000", headers=head)[0] == 204
    assert platform.call("POST", "/api/v1/write", "known v=2 1700000001000000000", token=sender, headers=head)[0] == 204
    status, _, problem = platform.call("POST", "/api/v1/write", "unknown v=1 1700000000000000000", token=sender, headers=head)
    assert (status, problem["code"], problem["args"]["permission"]) == (403, "denied", "point.write")
    assert read(platform, "known/v", 2)["v"] == [1, 2]
    assert platform.call("GET", "/api/v1/devices?code=unknown")[2]["items"] == []


def test_the_same_instant_again_replaces_the_value(platform):
    head = {"Content-Type": "text/plain"}
    for v in (1, 2, 3):
        assert platform.call("POST", "/api/v1/write", f"again v={v} 1700000000000000000", headers=head)[0] == 204
    tenon.wait_for(lambda: platform.query(["again/v"], *DAY).get("again/v", {}).get("v") == [3], 20, "the last value alone")


def test_sixty_thousand_samples_in_one_body(platform):
    body = "\n".join(f"big a={i}i,b={i / 8} {(T0 * 1000 + i) * 10**6}" for i in range(30000))
    began = time.monotonic()
    assert platform.call("POST", "/api/v1/write", body, headers={"Content-Type": "text/plain"})[0] == 204
    assert read(platform, "big/a", 30000)["v"] == list(range(30000))
    assert read(platform, "big/b", 30000)["v"] == [i / 8 for i in range(30000)]
    print(f"60,000 samples, durable and read back in {time.monotonic() - began:.2f} s")


def test_a_point_without_history_is_not_stored_and_one_with_it_again_is():
    """Both while it runs and after a start from the log, which still holds every sample."""
    p = tenon.Platform()
    try:
        def put(value, second):
            body = f"kept,at=x with={value},without={value} {(T0 + second) * 10**9}"
            status, _, problem = p.call("POST", "/api/v1/write", body, headers={"Content-Type": "text/plain"})
            assert status == 204, problem

        def stored():
            read(p, "kept,at=x/with", len(written))
            return p.query(["kept,at=x/without"], *DAY).get("kept,at=x/without", {"v": []})["v"]

        def keep(on):
            item = p.call("GET", "/api/v1/points?code=without")[2]["items"][0]
            status, _, problem = p.call("PATCH", f"/api/v1/points/{item['id']}", {"store": on})
            assert status == 200, problem

        written = [1]
        put(1, 1)
        assert stored() == [1]
        keep(False)
        written.append(2)
        put(2, 2)
        assert stored() == [1]
        token, data = p.token, p.data
        assert p.stop(tenon.signal.SIGKILL) != 0
        p, own = tenon.Platform(data), p.own
        p.own, p.token = own, token
        assert read(p, "kept,at=x/with", 2)["v"] == [1, 2]
        assert 2 not in stored()
        keep(True)
        written.append(3)
        put(3, 3)
        assert stored()[-1] == 3
    finally:
        p.close()


def test_of_a_request_the_last_line_counts_whatever_fields_its_neighbours_had(platform):
    """Against a dictionary: heads that come again, with the same fields, others, the same field twice, the same time again."""
    import random
    r = random.Random(5)
    want, kinds = {}, {"a": lambda: r.uniform(-9, 9), "e": lambda: r.uniform(-9, 9), "b": lambda: r.randrange(-9, 9), "c": lambda: r.random() < 0.5, "d": lambda: f"text {r.randrange(99)}"}
    for _ in range(8):
        lines = []
        for _ in range(600):
            head, at = f"model,m={r.randrange(14)}", T0 + r.randrange(40)
            fields = ["a", "b", "c", "e"] if r.random() < 0.9 else r.choices("abcde", k=r.randrange(1, 6))
            values = [(f, kinds[f]()) for f in fields]
            for f, v in values:
                want.setdefault(f"{head}/{f}", {})[at] = v
            lines.append(head + " " + ",".join(f"{f}=" + (f'"{v}"' if f == "d" else f"{v}i" if f == "b" else f"{v}") for f, v in values) + f" {at}")
        status, _, problem = platform.call("POST", "/api/v1/write?precision=s", "\n".join(lines), headers={"Content-Type": "text/plain"})
        assert status == 204, problem
    for path, samples in want.items():
        s = read(platform, path, len(samples))
        wanted = [samples[t] for t in sorted(samples)]
        tenon.wait_for(lambda: platform.query([path], *DAY)[path]["v"] == wanted, 10, f"{path} is as written last: {s['v']} {wanted}")


def test_the_last_line_counts_however_its_points_are_spelled(platform):
    """Against a dictionary: "k=1" and "k\\=1" are one device; the lines of both come in any order."""
    import random
    r = random.Random(7)
    want, head = {}, {"Content-Type": "text/plain"}
    assert platform.call("POST", "/api/v1/write?precision=s", f"k=1 a=0,b=0,c=0,d=0 {T0}\nk=2 a=0,b=0,c=0,d=0 {T0}", headers=head)[0] == 204
    want = {(n, f): {0: 0} for n in (1, 2) for f in "abcd"}
    for _ in range(20):
        lines = []
        for _ in range(60):
            n, at, v = r.choice((1, 2)), r.randrange(8), r.randrange(999)
            lines.append(f"k{r.choice(('', chr(92)))}={n} " + ",".join(f"{f}={v}" for f in "abcd") + f" {T0 + at}")
            for f in "abcd":
                want[n, f][at] = v
        status, _, problem = platform.call("POST", "/api/v1/write?precision=s", "\n".join(lines), headers=head)
        assert status == 204, problem
    for (n, f), samples in want.items():
        wanted = [samples[t] for t in sorted(samples)]
        tenon.wait_for(lambda: platform.query([f"k={n}/{f}"], *DAY).get(f"k={n}/{f}", {}).get("v") == wanted, 10, f"{n} {f} is as written last")


def test_of_rounds_in_lines_of_their_own_the_last_line_counts(platform):
    """Against a dictionary: forty series one a line, round after round in one order; samples left out, sent twice, of another time, texts and spelled
    names in between, rounds cut short, another order."""
    import random
    r = random.Random(11)
    want, kinds = {}, {"f": lambda: r.uniform(-9, 9), "i": lambda: r.randrange(-9, 9), "b": lambda: r.random() < 0.5, "s": lambda: f"text {r.randrange(9)}"}
    text = lambda k, v: f'"{v}"' if k == "s" else f"{v}i" if k == "i" else f"{v}"  # noqa: E731
    for request in range(30):
        order, lines, odd = [f"round,n={i} {'fibf'[i % 4]}" for i in range(40)], [], (0, 0.002, 0.03)[request % 3]
        r.shuffle(order)
        for at in range(request * 14, request * 14 + 12):
            at = request * 14 + r.randrange(12) if r.random() < odd * 5 else at
            for k, name in enumerate(order[:r.randrange(1, 40)] if r.random() < odd * 5 else order):
                head, kind = name.split()
                if r.random() < odd:
                    continue
                for _ in range(1 + (r.random() < odd)):
                    other = at + (r.random() < odd)
                    value = kinds[kind]()
                    want.setdefault(f"{head}/{kind}", {})[other] = value
                    spelled = head.replace("=", "\\=") if r.random() < odd / 8 else head
                    lines.append(f"{spelled} {kind}={text(kind, value)} {T0 + other}")
                if r.random() < odd:
                    value = kinds["s"]()
                    want.setdefault(f"{head}/s", {})[at] = value
                    again = kinds[kind]()
                    want.setdefault(f"{head}/{kind}", {})[at] = again
                    lines.append(f"{head} s={text('s', value)},{kind}={text(kind, again)} {T0 + at}")
        status, _, problem = platform.call("POST", "/api/v1/write?precision=s", "\n".join(lines), headers={"Content-Type": "text/plain"})
        assert status == 204, problem
    for path, samples in want.items():
        wanted = [samples[t] for t in sorted(samples)]
        tenon.wait_for(lambda: platform.query([path], *DAY).get(path, {}).get("v") == wanted, 10, f"{path} is as written last")


def test_lines_that_were_sent_before_mean_the_points_of_now(platform):
    """The same two lines over and over, while one point is deleted, made with another type, and its device gets another code."""
    head = {"Content-Type": "text/plain"}
    point = lambda code: platform.call("GET", f"/api/v1/points?code={code}")[2]["items"]  # noqa: E731

    def send(n, kind=""):
        return platform.call("POST", "/api/v1/write?precision=s", f"same,n=1 one={n} {T0 + n}\nsame,n=2 two={n}{kind} {T0 + n}\nsame,n=1 one={n} {T0 + n + 100}", headers=head)[0]
    assert [send(n) for n in range(3)] == [204] * 3
    assert platform.call("DELETE", f"/api/v1/points/{point('two')[0]['id']}")[0] in (200, 204)
    assert [send(n, "i") for n in range(3, 6)] == [204] * 3 and [r["type"] for r in point("two")] == ["i64"]
    assert send(6, ".5") == 422 and send(6, "i") == 204
    tenon.wait_for(lambda: [int(v) for v in platform.query(["same,n=2/two"], *DAY)["same,n=2/two"]["v"]] == [3, 4, 5, 6], 20, "those of the new point")
    device = platform.call("GET", "/api/v1/devices?code=same,n=2")[2]["items"][0]["id"]
    assert platform.call("PATCH", f"/api/v1/devices/{device}", {"code": "renamed"})[0] == 200
    assert send(7, "i") == 204
    tenon.wait_for(lambda: [int(v) for v in platform.query(["same,n=2/two"], *DAY).get("same,n=2/two", {"v": []})["v"]] == [7], 20, "a point that was made for it")
    assert [int(v) for v in platform.query(["renamed/two"], *DAY)["renamed/two"]["v"]] == [3, 4, 5, 6]
    assert len(read(platform, "same,n=1/one", 16)["v"]) == 16


def test_a_line_of_too_many_fields_is_counted_not_out_of_memory(platform):
    """503 would mean: send it again."""
    head = {"Content-Type": "text/plain"}
    assert platform.call("POST", "/api/v1/write", "long f=1", headers=head)[0] == 204
    status, _, problem = platform.call("POST", "/api/v1/write", "long " + ",".join(["f=1"] * 2_500_000), headers=head)
    assert (status, problem["code"], problem["args"]["max"]) == (422, "count", "500000"), problem


def test_a_quota_holds_for_many_senders_at_once(tmp_path):
    """Each has room for what it sends, and not all of them together: who comes too late is told to come again, and then why not."""
    import concurrent.futures
    (tmp_path / "tenon.conf").write_text("[limits]\npoints = 300\n")
    p = tenon.Platform(None, "--config", str(tmp_path / "tenon.conf"))
    try:
        p.token = p.sign_in()

        def send(n):
            return p.call("POST", "/api/v1/write", f"sender{n} " + ",".join(f"f{i}=1" for i in range(200)), headers={"Content-Type": "text/plain"})
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            first = [a[0] for a in pool.map(send, range(8))]
        assert set(first) <= {204, 422, 503} and first.count(204) == 1, first
        assert p.call("GET", "/api/v1/points?count=true&limit=1")[2]["count"] == 200
        assert [send(n)[0] for n in range(8)] == [204 if s == 204 else 422 for s in first]
    finally:
        assert p.close() == 0
