#!/usr/bin/env python3
"""One dead unit among 32 behind one connection: how much longer than without it does a living unit ever wait for its next reading?

Every unit is asked every 500 ms and answers after 5 ms; a question without an answer is given up after 400 ms: that is one slot. The waits are
those between two samples of a living unit as they lie in the history, first with all units alive, then with unit 17 dead.

Peer: Telegraf on the same simulator: turns of the living units in the same time.
"""
import sys
import time

from common import Telegraf, begin, claim, done, import_points, load, note, stats, tenon

SECONDS = int(sys.argv[1]) if len(sys.argv) > 1 else 40
UNITS, DEAD, PERIOD_MS, TIMEOUT_MS = 32, 17, 500, 400


def turns(seen):
    """Readings of the living units, of those that their period allows, in per cent."""
    return 100 * seen["registers_read"] / 2 / ((seen["now_us"] - seen["since_us"]) / 1e6 * 1000 / PERIOD_MS * (UNITS - 1))


def run(*options):
    """(the longest wait of a living unit in ms, its readings in per cent)"""
    sim, port = load(1, "--registers", 100, "--delay-us", 5000, *options)
    p = tenon.Platform()
    c = p.make("connections", code="bus", driver="modbus-tcp", config={"host": "127.0.0.1", "port": port, "timeout_ms": TIMEOUT_MS})
    rows = []
    for u in range(1, UNITS + 1):
        if u == DEAD and not options:
            continue
        d = p.make("devices", code=f"u{u}", connection=c["id"], config={"unit": u})
        rows.append((p.make("groups", code="g", device=d["id"], period_ms=PERIOD_MS)["id"], "x", f"HR{6 + 2 * u}", "f32"))
    import_points(p, rows)
    time.sleep(5)
    begin(sim)
    began = time.time()
    time.sleep(SECONDS)
    got, worst = stats(sim), 0
    living = [f"u{u}/x" for u in range(1, UNITS + 1) if u != DEAD]
    for s in p.query(living, start="now-10m").values():
        times = [t / 1000 for t in s["t"] if t / 1e6 > began]
        worst = max([worst] + [b - a for a, b in zip(times, times[1:])])
    p.close()
    if options and Telegraf.there():
        t = Telegraf([(port, [(u, [6 + 2 * u]) for u in range(1, UNITS + 1)])], PERIOD_MS, TIMEOUT_MS)
        time.sleep(10)
        begin(sim)
        time.sleep(SECONDS)
        note("peer: Telegraf: readings of the living units of those due", turns(stats(sim)), "%")
        t.close()
    sim.terminate()
    return worst, turns(got)


alone, _ = run()
beside, share = run("--dead-unit", DEAD)
note("longest wait of a living unit for its next reading, all alive", alone, "ms")
note("the same, one of 32 dead", beside, "ms")
claim("what the dead unit adds to it (one slot: 400 ms)", max(0, beside - alone), "ms", TIMEOUT_MS)
claim("readings of the living units of those due", share, "%", 95, lower_is_better=False)
done()
