"""Peer: the operating system's signals. A platform that is told to stop while requests are worked on ends in order: what a worker still does
finds everything it needs, and what it had stored is there afterwards."""
import threading

import pytest

import live
import tenon

ROUNDS = 12


def table(rows):
    return "device,group,code,address,type\n" + "".join(f"dev,g,p{i},4{i % 60000 + 1:05d},u16\n" for i in range(rows))


def plant(p):
    connection = p.make("connections", code="c", driver="modbus-tcp", config={"host": "127.0.0.1", "port": 1})
    device = p.make("devices", code="dev", connection=connection["id"])
    p.make("groups", code="g", device=device["id"])


@pytest.mark.parametrize("rows", [20000])
def test_a_stop_waits_for_what_workers_do(rows, tmp_path):
    """An import that takes longer than the stop is given: it may finish or not, but the end is orderly and nothing is half there."""
    p = tenon.Platform(str(tmp_path))
    plant(p)
    began = threading.Event()

    def send():
        began.set()
        try:
            p.call("POST", "/api/v1/points/import", table(rows), headers={"Content-Type": "text/csv"})
        except OSError:
            pass            # cut off by the stop

    sender = threading.Thread(target=send)
    sender.start()
    began.wait()
    tenon.wait_for(lambda: p.call("GET", "/api/v1/status")[2]["requests"]["open"] >= 2, 20, "the import has begun")
    code = p.stop(seconds=60)
    sender.join()
    assert code == 0, "".join(p.errors[-20:])[-3000:]
    token, p = p.token, tenon.Platform(str(tmp_path))
    p.token = token
    try:
        assert p.call("GET", "/api/v1/points?limit=1&count=true")[2]["count"] in (0, rows)
    finally:
        assert p.stop() == 0, "".join(p.errors[-20:])


def follow(p, clients):
    """Screens that are open when the platform is told to stop: their subscriptions end after the bus has been told to."""
    points = [r["id"] for r in p.call("GET", "/api/v1/points")[2]["items"]]

    def look(s):
        try:
            while True:
                s.receive()
        except (live.Closed, OSError, ValueError):
            s.close()
    for s in [live.Live(p.url) for _ in range(clients)]:
        s.hello(p.token)
        s.send(op="subscribe", id="a", points=points, max_hz=20)
        s.until("values")
        threading.Thread(target=look, args=(s,), daemon=True).start()


def test_a_stop_with_samples_in_flight_ends(tmp_path):
    """What still waits on the loop when the modules are gone must find nothing, not something freed."""
    token = None
    for _ in range(ROUNDS):
        p = tenon.Platform(str(tmp_path))
        token = token or p.sign_in()
        p.token = token
        over = threading.Event()

        def send(n, p=p, over=over):
            while not over.is_set():
                try:
                    p.call("POST", "/api/v1/write", f"flying v{n}=1", headers={"Content-Type": "text/plain"})
                except OSError:
                    return      # refused or cut: it has stopped
        senders = [threading.Thread(target=send, args=(n,)) for n in range(3)]
        for s in senders:
            s.start()
        tenon.wait_for(lambda: p.call("GET", "/api/v1/status")[2]["log"]["samples"] > 20, 20, "samples arrive")
        follow(p, 3)
        code = p.stop(seconds=20)
        over.set()
        for s in senders:
            s.join()
        assert code == 0, "".join(p.errors[-20:])[-3000:]


def test_a_stop_does_not_wait_for_a_query_that_takes_long(tmp_path):
    """A workbook of a thousand columns with percentiles, for which ten minutes were asked: it has the time a stop gives, and no more."""
    p = tenon.Platform(str(tmp_path))
    p.call("POST", "/api/v1/write", "\n".join(f"s v={i * 7919 % 100003} {1_700_000_000_000_000_000 + i * 1_000_000}" for i in range(200_000)),
           headers={"Content-Type": "text/plain"})
    long = {"points": ["s/v"] * 1000, "from": "2023-11-14T00:00:00Z", "to": "2023-11-15T12:00:00Z", "timeout": "600s",
            "aggregates": ["p1", "p2", "p3", "p4", "p5", "p95", "p96", "p97"]}

    def ask():
        try:
            p.call("POST", "/api/v1/query", long, headers={"Accept": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}, raw=True)
        except OSError:
            pass            # cut off by the stop

    asker = threading.Thread(target=ask)
    asker.start()
    tenon.wait_for(lambda: p.call("GET", "/api/v1/status")[2]["requests"]["open"] >= 2, 20, "the query has begun")
    code = p.stop(seconds=30)
    asker.join()
    assert code == 0, "".join(p.errors[-20:])[-3000:]
