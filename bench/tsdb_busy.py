#!/usr/bin/env python3
"""An hour of one series is asked for fifty times a second, of 10 M samples in day files: the slowest hundredth, alone, and while line protocol comes in at
half the rate that this machine takes."""
import http.client
import multiprocessing
import tempfile
import time

from common import Pulse, claim, done, note
from peers import LINES, NUMBERS, SERIES, Tenon, bodies

ROWS, SECONDS, EVERY = 10000, 20, 0.02


def p99(s):
    took, next_ = [], time.monotonic()
    for i in range(int(SECONDS / EVERY)):
        next_ += EVERY
        began = time.monotonic()
        s.hour(NUMBERS[i * 37 % len(NUMBERS)], 10)
        took.append((time.monotonic() - began) * 1000)
        time.sleep(max(0, next_ - time.monotonic()))
    took.sort()
    return took[len(took) // 2], took[len(took) * 99 // 100]


def feed(port, token, folder, every, stop):
    """The same lines again: what is written twice takes the same way."""
    c, next_ = http.client.HTTPConnection("127.0.0.1", port, timeout=60), time.monotonic()
    while True:
        for body in bodies(folder, 10, ROWS):
            next_ += every
            time.sleep(max(0, next_ - time.monotonic()))
            if stop.is_set():
                return
            c.request("POST", "/api/v1/write", body, {"Authorization": f"Bearer {token}"})
            c.getresponse().read()


with tempfile.TemporaryDirectory() as work:
    for _ in bodies(work, 10, ROWS):
        pass
    s = Tenon(work, ROWS)
    try:
        began = time.monotonic()
        s.load(bodies(work, 10, ROWS))
        rate = SERIES * ROWS / (time.monotonic() - began)
        s.settle()
        pulse = Pulse()
        median, idle = p99(s)
        pulse.end("alone")
        note("one series, one hour, over HTTP, alone: median", median, "ms")
        note("the same: p99", idle, "ms")
        stop = multiprocessing.Event()
        feeder = multiprocessing.Process(target=feed, args=(s.port, s.p.token, work, LINES * 10 / (rate / 2), stop), daemon=True)
        feeder.start()
        pulse = Pulse()
        median, busy = p99(s)
        pulse.end("fed")
        stop.set()
        feeder.join(10)
        note(f"while {rate / 2e6:.2f} M samples/s come in: median", median, "ms")
        note("the same: p99", busy, "ms")
        claim("p99 while half of what can come in comes in, of that alone", busy / idle, "×", 2)
    finally:
        s.stop()
done()
