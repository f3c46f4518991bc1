#!/usr/bin/env python3
"""10,000 float32 points every second over Modbus TCP, 10 devices × 1,000, history on. The simulator counts distinct registers read in
each second; the platform's own figures must agree."""
import json
import signal
import sys
import time

from common import claim, connect, cpu_s, done, modsim, note, pss_mb, tenon

SECONDS = int(sys.argv[1]) if len(sys.argv) > 1 else 60
sim, port = modsim(10, "--registers", 2008, "--expect", 2000)
if not sim:
    sys.exit("skipped: ../shared/tools/modsim.c is absent")
p = tenon.Platform()
for i in range(10):
    connect(p, f"d{i}", port + i, range(8, 2008, 2), 1000)
time.sleep(5)
sim.send_signal(signal.SIGUSR2)
cpu, began = cpu_s(p.child.pid), time.monotonic()
time.sleep(SECONDS)
share = (cpu_s(p.child.pid) - cpu) / (time.monotonic() - began)
sim.send_signal(signal.SIGTERM)
stats = json.loads(sim.communicate()[0])
groups = [g for g in p.call("GET", "/api/v1/links")[2]["items"]]
claim("registers really read each second", stats["coverage_pct"], "%", 99.99, lower_is_better=False)
note("core share", share * 100, "% of a core")
note("PSS", pss_mb(p.child.pid), "MB")
print("       links:", json.dumps(groups[0])[:300])
p.close()
done()
