"""Peer: the operating system's kill(2). The platform is killed (-9) at random instants while samples are sent to it over HTTP by several
clients; after each restart every sample of every acknowledged request is there, exactly once, with its value."""
import http.client
import os
import random
import re
import signal
import shutil
import tempfile
import threading
import time

import tenon

KILLS = int(os.environ.get("TENON_KILLS", "5"))
CLIENTS = 4


def send(url, token, client, acknowledged, stop, counter):
    """Requests of 20 samples until the server dies; what was answered 204 is noted."""
    host, port = re.match(r"http://(.*):(\d+)", url).groups()
    conn = http.client.HTTPConnection(host, int(port), timeout=20)
    while not stop.is_set():
        first = counter[client]
        counter[client] += 20
        body = "\n".join(f"kill c{client}={n}i {1_600_000_000_000_000_000 + n * 1_000_000}" for n in range(first, first + 20))
        try:
            conn.request("POST", "/api/v1/write", body, {"Authorization": f"Bearer {token}", "Content-Type": "text/plain"})
            answer = conn.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return
        if answer.status == 204:
            acknowledged[client].append(first)
        elif answer.status == 503:
            time.sleep(0.05)
        else:
            raise AssertionError(answer.status)


def check(p, acknowledged):
    for client in range(CLIENTS):
        path = f"kill/c{client}"
        want = {n for first in acknowledged[client] for n in range(first, first + 20)}

        def complete():
            series = p.query([path], "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z").get(path)
            return series if series and want <= set(series["v"]) else None
        series = tenon.wait_for(complete, 30, f"all acknowledged samples of client {client}")
        assert len(series["t"]) == len(set(series["t"])), "a sample is there twice"
        assert all(t == 1_600_000_000_000_000 + v * 1000 for t, v in zip(series["t"], series["v"])), "a value under another time"


def test_what_was_acknowledged_survives_kill():
    data = tempfile.mkdtemp(prefix="tenon-")
    acknowledged, counter = [[] for _ in range(CLIENTS)], [0] * CLIENTS
    rng = random.Random(7)
    p = tenon.Platform(data)
    token = p.sign_in()
    try:
        for _ in range(KILLS):
            stop = threading.Event()
            threads = [threading.Thread(target=send, args=(p.url, token, i, acknowledged, stop, counter)) for i in range(CLIENTS)]
            before = [len(a) for a in acknowledged]
            for t in threads:
                t.start()
            tenon.wait_for(lambda: all(len(a) > b + 5 for a, b in zip(acknowledged, before)), 30, "some requests are acknowledged")
            time.sleep(rng.uniform(0, 0.5))         # the instant is what is random
            p.stop(signal.SIGKILL)
            stop.set()
            for t in threads:
                t.join()
            p = tenon.Platform(data)
            p.token = token
            check(p, acknowledged)
        assert sum(len(a) for a in acknowledged) > KILLS * CLIENTS * 5
        assert p.stop() == 0
        p = tenon.Platform(data)                    # an orderly stop loses nothing either
        p.token = token
        check(p, acknowledged)
    finally:
        p.stop()
        shutil.rmtree(data, ignore_errors=True)
