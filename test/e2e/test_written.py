"""Points that were made by writing to them, when people work on them afterwards; and what queries say of them. Peer: an HTTP client."""
import time

import pytest

import tenon

TEXT = {"Content-Type": "text/plain"}


@pytest.fixture(scope="module")
def p(platform):
    platform.token = platform.sign_in()
    return platform


def write(p, lines):
    status, _, body = p.call("POST", "/api/v1/write?precision=s", lines, headers=TEXT)
    return status, body


def values(p, path):
    return p.query([path]).get(path, {"v": []})["v"]


def test_a_written_device_can_be_moved(p):
    """The old name is a new point then; the moved one keeps its history and is written by its new path."""
    now = int(time.time())
    assert write(p, f"mill x=1 {now - 9}")[0] == 204
    device = p.call("GET", "/api/v1/devices?code=mill")[2]["items"][0]
    hall = p.make("places", code="hall")
    assert p.call("PATCH", f"/api/v1/devices/{device['id']}", {"place": hall["id"]})[0] == 200
    assert write(p, f"mill x=2 {now - 8}") == (204, b"")
    assert write(p, f"mill y=3 {now - 8}") == (204, b"")
    assert write(p, f"hall/mill x=4 {now - 7}") == (204, b"")
    tenon.wait_for(lambda: values(p, "hall/mill/x") == [1, 4], 20, "the moved point has its history and what was written to it")
    tenon.wait_for(lambda: values(p, "mill/x") == [2] and values(p, "mill/y") == [3], 20, "the old name is another point")
    for point in p.call("GET", "/api/v1/points?path.like=*mill*")[2]["items"]:        # every path is that of its device
        assert point["path"].startswith("hall/mill/" if point["device"] == device["id"] else "mill/"), point


def test_points_are_held_or_joined_each_as_it_says(p):
    """Expected by hand: 0 for 10 s, then 10 for 10 s. Held, the average is 5 in each order; joined by a line, the first half's is 5."""
    start = int(time.time()) // 60 * 60 - 120
    assert write(p, "\n".join(f"lines {name}={v} {start + t}" for name in ("held", "joined") for t, v in ((0, 0), (10, 10), (20, 10))))[0] == 204
    joined = p.call("GET", "/api/v1/points?path=lines/joined")[2]["items"][0]
    status, _, body = p.call("PATCH", f"/api/v1/points/{joined['id']}", {"between": "linear"})
    assert status == 200, body
    at = lambda s: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(s))

    def average(paths):
        got = p.query(paths, at(start), at(start + 20), step="10s", aggregate="avg")
        return {path: s["v"] for path, s in got.items()}
    want = {"lines/held": [0, 10], "lines/joined": [5, 10]}
    tenon.wait_for(lambda: len(values(p, "lines/held")) == len(values(p, "lines/joined")) == 3, 20, "all samples are there")
    for paths in (["lines/held", "lines/joined"], ["lines/joined", "lines/held"]):
        assert average(paths) == want
    status, _, body = p.call("POST", "/api/v1/query", {"points": ["lines/joined", "lines/held"], "from": at(start), "to": at(start + 30),
                                                         "step": "10s", "aggregate": "avg", "limit": 4})
    assert status == 200 and sum(len(s["t"]) for s in body["series"]) == 4 and body["truncated"], body
