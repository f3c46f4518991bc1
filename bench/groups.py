#!/usr/bin/env python3
"""2,500 scan groups on 100 connections that have nothing to do: read once an hour, what do they cost?

Peer: Telegraf with as many request blocks, read once an hour.
"""
import sys
import time

from common import Telegraf, Watch, claim, done, import_points, links, load, note, tenon

SECONDS = int(sys.argv[1]) if len(sys.argv) > 1 else 30
CONNECTIONS, GROUPS = 100, 25

sim, port = load(CONNECTIONS, "--registers", 100)
p = tenon.Platform()
rows = []
for n in range(CONNECTIONS):
    c = p.make("connections", code=f"c{n}", driver="modbus-tcp", config={"host": "127.0.0.1", "port": port + n})
    d = p.make("devices", code=f"c{n}", connection=c["id"])
    for k in range(GROUPS):
        g = p.make("groups", code=f"g{k}", device=d["id"], period_ms=3600000)["id"]
        rows.append((g, f"p{k}", f"HR{8 + 2 * k}", "f32"))
import_points(p, rows)
tenon.wait_for(lambda: sum(g["done"] > 0 for g in links(p, "group")) == CONNECTIONS * GROUPS, 120, "every group was read once")
time.sleep(5)
watch = Watch(p.child.pid)
time.sleep(SECONDS)
claim("core share of 2,500 idle groups", watch.core(), "% of a core", 2)
note("PSS", watch.pss(), "MB")
p.close()
if Telegraf.there():
    t = Telegraf([(port + n, [(1, [8 + 2 * k]) for k in range(GROUPS)]) for n in range(CONNECTIONS)], 3600000)
    time.sleep(10)
    watch = Watch(t.child.pid)
    time.sleep(SECONDS)
    note("peer: Telegraf: core share", watch.core(), "% of a core")
    note("peer: Telegraf: PSS", watch.pss(), "MB")
    t.close()
done()
