#!/usr/bin/env python3
"""500 connections with 30 float32 points each, read every second without history: what they cost above an idle platform.

Peer: Telegraf reading the same registers of the same simulator.
"""
import sys
import time

from common import Telegraf, Watch, begin, claim, done, import_points, links, load, note, pss_mb, stats, tenon

SECONDS = int(sys.argv[1]) if len(sys.argv) > 1 else 30
CONNECTIONS, REGISTERS = 500, range(8, 68, 2)

sim, port = load(CONNECTIONS, "--registers", 68, "--expect", 60)
p = tenon.Platform()
p.call("GET", "/api/v1/points")         # a person was there
time.sleep(5)
idle = pss_mb(p.child.pid)
rows = []
for n in range(CONNECTIONS):
    c = p.make("connections", code=f"c{n}", driver="modbus-tcp", config={"host": "127.0.0.1", "port": port + n})
    d = p.make("devices", code=f"c{n}", connection=c["id"])
    g = p.make("groups", code="all", device=d["id"], period_ms=1000)["id"]
    rows += [(g, f"p{a}", f"HR{a}", "f32", "false") for a in REGISTERS]
import_points(p, rows, "store")
tenon.wait_for(lambda: all(g["state"] == "up" for g in links(p, "group")), 120, "every group is up")
p.stop()                                # what the import took is not what reading takes
token, p = p.token, tenon.Platform(p.data)
p.token, p.own = token, True            # the folder goes with the last of the two
tenon.wait_for(lambda: len(groups := links(p, "group")) == CONNECTIONS and all(g["state"] == "up" for g in groups), 120, "every group is up again")
time.sleep(5)
begin(sim)
watch = Watch(p.child.pid)
time.sleep(SECONDS)
claim("core share", watch.core(), "% of a core", 15)
claim("PSS above idle", watch.pss() - idle, "MB", 30)
claim("registers really read each second", stats(sim)["coverage_pct"], "%", 99.99, lower_is_better=False)
p.close()
if Telegraf.there():
    t = Telegraf([(port + n, [(1, REGISTERS)]) for n in range(CONNECTIONS)], 1000)
    time.sleep(10)
    begin(sim)
    watch = Watch(t.child.pid)
    time.sleep(SECONDS)
    note("peer: Telegraf: core share", watch.core(), "% of a core")
    note("peer: Telegraf: PSS", watch.pss(), "MB")
    note("peer: Telegraf: registers really read each second", stats(sim)["coverage_pct"], "%")
    t.close()
done()
