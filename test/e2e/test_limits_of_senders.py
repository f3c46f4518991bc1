"""Senders that want too much: names without end, and texts without end. The platform says no, by name, and goes on with what it knows."""
import http.client
import os
import re
import time

import tenon

ALL = bool(os.environ.get("TENON_TEST_ALL"))
NAMES = 1_000_000 if ALL else 15_000
QUOTA = 50_000 if ALL else 5_100
BEGIN = 1_700_000_000


def memory(p):
    """MB that the process held at most."""
    with open(f"/proc/{p.child.pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmHWM:\s+(\d+) kB", f.read())[1]) / 1024


def write(p, lines):
    return p.call("POST", "/api/v1/write", "\n".join(lines), headers={"Content-Type": "text/plain"})


def test_a_million_new_series_are_refused_by_quota_and_not_by_death(tmp_path):
    (tmp_path / "tenon.conf").write_text(f"[limits]\npoints = {QUOTA}\n")
    p = tenon.Platform(None, "--config", str(tmp_path / "tenon.conf"))
    try:
        assert write(p, [f"known v=1 {BEGIN}000000000"])[0] == 204
        taken, refused, known, slowest, began = 0, 0, 0, 0, time.monotonic()
        for first in range(0, NAMES, 5000):
            # Who was there before goes on: one sample and one question between each two requests of the other.
            known, asked = known + 1, time.monotonic()
            assert write(p, [f"known v={known} {BEGIN + known}000000000"])[0] == 204
            got = tenon.wait_for(lambda: (lambda v: v if v[-1] == known else None)(p.query(["known/v"], "2023-11-14T00:00:00Z", "2023-11-15T00:00:00Z")["known/v"]["v"]),
                                 20, "known ones go on")
            assert len(got) == known + 1
            slowest = max(slowest, time.monotonic() - asked)
            status, _, body = write(p, [f"flood{n // 50} s{n}={n} {BEGIN}000000000" for n in range(first, first + 5000)])
            if status == 204:
                taken += 5000
            else:
                assert status == 422 and body["code"] == "quota" or "quota" in str(body), (status, body)
                refused += 5000
        took, most = time.monotonic() - began, memory(p)
        count = p.call("GET", "/api/v1/points?count=true&limit=1")[2]["count"]
        print(f"{NAMES} names in {took:.0f} s: {taken} requested and taken, {refused} refused, {count} points; {most:.0f} MB at most; "
              f"{known} samples of a known point written and asked for meanwhile, {slowest:.2f} s at most")
        assert taken and refused and count <= QUOTA
        assert most < 200 + QUOTA / 100             # 10 kB a point that was made, and nothing for the others
        assert write(p, [f"known v={known + i} {BEGIN + known + i}000000000" for i in range(1, 100)])[0] == 204
        tenon.wait_for(lambda: len(p.query(["known/v"], "2023-11-14T00:00:00Z", "2023-11-15T00:00:00Z")["known/v"]["v"]) == known + 100, 20, "known ones go on")
        p.stop()
        again = tenon.Platform(p.data)
        again.token = p.token
        assert again.call("GET", "/api/v1/points?count=true&limit=1")[2]["count"] == count
        assert again.stop() == 0
    finally:
        p.close()


def test_texts_of_ten_megabytes_are_refused_and_the_rest_goes_on(platform):
    whole = "x" * 65535
    assert write(platform, [f'texts a="{whole}" {BEGIN}000000000'])[0] == 204
    got = tenon.wait_for(lambda: platform.query(["texts/a"], "2023-11-14T00:00:00Z", "2023-11-15T00:00:00Z").get("texts/a"), 20, "a text")
    assert got["v"] == [whole]
    for size in (65536, 1 << 20, 10 << 20):
        status, _, body = write(platform, [f'texts a="{"y" * size}" {BEGIN + 1}000000000'])
        assert status in (413, 422), (size, status, body)
        assert body["detail"], body
    # A connection that is sent more than a body may be is not a platform that dies.
    conn = http.client.HTTPConnection(platform.url.split("//")[1], timeout=60)
    try:
        conn.request("POST", "/api/v1/write", b"texts a=\"" + b"z" * (100 << 20), {"Authorization": f"Bearer {platform.token}", "Content-Type": "text/plain"})
        assert conn.getresponse().status == 413
    except (ConnectionError, http.client.HTTPException):
        pass                                        # it need not listen to the end
    assert write(platform, [f'texts a="after" {BEGIN + 2}000000000'])[0] == 204
    last = tenon.wait_for(lambda: (lambda s: s if len(s["v"]) == 2 else None)(platform.query(["texts/a"], "2023-11-14T00:00:00Z", "2023-11-15T00:00:00Z")["texts/a"]),
                          20, "the text after")
    assert last["v"] == [whole, "after"]
