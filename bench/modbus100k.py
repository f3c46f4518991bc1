#!/usr/bin/env python3
"""100,000 float32 points every second over Modbus TCP, 10 devices × 10 groups × 1,000 points, without history and with it, while commands are
written to points of the same devices; their records lie in memory. The simulator counts the registers really read in each second and when each
write arrived.

Peer: Telegraf reading the same registers of the same simulator.
"""
import http.client
import json
import struct
import sys
import threading
import time
from urllib.parse import urlparse

from common import Pulse, Telegraf, Watch, begin, claim, data_in_memory, done, import_points, links, load, note, pss_mb, stats, tenon

SECONDS = int(sys.argv[1]) if len(sys.argv) > 1 else 30
DEVICES, GROUPS, POINTS = 10, 10, 1000
FIRST, WRITTEN = 8, 2 * GROUPS * POINTS         # registers of the floats read; those written stand behind them


def plant(p, port, store):
    rows, valves = [], []
    for d in range(DEVICES):
        c = p.make("connections", code=f"d{d}", driver="modbus-tcp", config={"host": "127.0.0.1", "port": port + d})
        v = p.make("devices", code=f"d{d}", connection=c["id"])
        for g in range(GROUPS):
            group = p.make("groups", code=f"g{g}", device=v["id"], period_ms=1000)["id"]
            rows += [(group, f"p{a}", f"HR{a}", "f32", store) for a in range(FIRST + 2 * POINTS * g, FIRST + 2 * POINTS * (g + 1), 2)]
        slow = p.make("groups", code="valves", device=v["id"], period_ms=3600000)["id"]
        valves.append(p.make("points", code="valve", group=slow, address=f"HR{FIRST + WRITTEN}", type="f32", access="rw", confirm=False,
                             store=store == "true")["id"])
    import_points(p, rows, "store")
    return valves


class Hand(threading.Thread):
    """Writes another number to a valve ten times a second and knows when."""

    def __init__(self, p, valves):
        super().__init__(daemon=True)
        self.p, self.valves, self.sent, self.took, self.over = p, valves, {}, [], threading.Event()

    def run(self):
        url = urlparse(self.p.url)
        http_ = http.client.HTTPConnection(url.hostname, url.port)
        for n in range(1, 10**6):
            if self.over.wait(0.1):
                return
            value, began = float(n), time.time()
            http_.request("POST", f"/api/v1/points/{self.valves[n % len(self.valves)]}/command", json.dumps({"value": value}),
                          {"Authorization": f"Bearer {self.p.token}", "Content-Type": "application/json"})
            answer = http_.getresponse()
            body = answer.read()
            assert answer.status == 200, body
            self.sent[value] = began
            self.took.append((time.time() - began) * 1000)


def quantile(values, q):
    return sorted(values)[min(len(values) - 1, int(len(values) * q))]


def arrivals(devices):
    """(value, time) of each write the devices saw."""
    for d in devices:
        for w in d["writes"]:
            yield struct.unpack(">f", bytes.fromhex(w["hex"][:8]))[0], w["us"] / 1e6


def run(sim, port, store, bound):
    name = "with history" if store == "true" else "store = no"
    p = tenon.Platform()
    valves = plant(p, port, store)
    note(f"{name}: PSS after the import", pss_mb(p.child.pid), "MB")
    p.stop()                            # what the import took is not what reading takes
    token, p = p.token, tenon.Platform(p.data)
    p.token, p.own = token, True        # it goes with the last of the two
    hand = Hand(p, valves)
    tenon.wait_for(lambda: sum(g["state"] == "up" for g in links(p, "group")) == DEVICES * (GROUPS + 1), 120, "every group is up")
    time.sleep(5)
    before = {g["id"]: g for g in links(p, "group")}
    begin(sim)
    watch, pulse = Watch(p.child.pid), Pulse()
    hand.start()
    time.sleep(SECONDS)
    core = watch.core()
    seen = stats(sim)
    hand.over.set()
    hand.join(20)
    pulse.end(name)
    after = links(p, "group")
    planned, good = (sum(g[k] - before[g["id"]][k] for g in after) for k in ("planned", "done"))
    late = [(at - hand.sent[v]) * 1000 for v, at in arrivals(seen["device"]) if v in hand.sent]
    claim(f"{name}: registers really read each second", seen["coverage_pct"], "%", 99.99, lower_is_better=False)
    note(f"{name}: commands written", len(hand.took), "commands")
    claim(f"{name}: cycles done of those planned (those under way at the end count)", 100 * min(1, (good + DEVICES * GROUPS) / planned), "%", 100,
          lower_is_better=False)
    claim(f"{name}: PSS", watch.pss(), "MB", bound)
    claim(f"{name}: command over REST to its arrival at the device meanwhile, p99 of {len(late)}", quantile(late, 0.99), "ms", 10)
    note(f"{name}: the same, median", quantile(late, 0.5), "ms")
    note(f"{name}: command to its acknowledgement with reading back, p99", quantile(hand.took, 0.99), "ms")
    note(f"{name}: core share", core, "% of a core")
    p.close()


data_in_memory()
sim, port = load(DEVICES, "--registers", FIRST + WRITTEN + 2, "--expect", WRITTEN)
run(sim, port, "false", 60)
run(sim, port, "true", 160)
if Telegraf.there():
    t = Telegraf([(port + d, [(1, range(FIRST + 2 * POINTS * g, FIRST + 2 * POINTS * (g + 1), 2)) for g in range(GROUPS)])
                  for d in range(DEVICES)], 1000)
    time.sleep(10)
    begin(sim)
    watch = Watch(t.child.pid)
    time.sleep(SECONDS)
    note("peer: Telegraf: core share", watch.core(), "% of a core")
    note("peer: Telegraf: registers really read each second", stats(sim)["coverage_pct"], "%")
    note("peer: Telegraf: PSS", watch.pss(), "MB")
    t.close()
sim.terminate()
done()
