#!/usr/bin/env python3
"""serve idle: PSS of the whole process tree, and how soon after exec it answers."""
import http.client
import re
import time

from common import claim, done, note, pss_mb, tenon

p = tenon.Platform()                    # the first start makes the data folder

p.stop()
best, waited = [], []
for _ in range(5):
    began = time.monotonic()
    q = tenon.Platform(p.data)
    host, port = re.match(r"http://(.*):(\d+)", q.url).groups()
    c = http.client.HTTPConnection(host, int(port))
    c.request("GET", "/healthz")
    assert c.getresponse().status == 200
    best.append((time.monotonic() - began) * 1000)
    with open(f"/proc/{q.child.pid}/schedstat", encoding="ascii") as f:         # of the thread that starts: ran, waited for a processor (ns)
        waited.append(int(f.read().split()[1]) / 1e6)
    q.stop()
claim("answers /healthz after exec (median of 5)", sorted(best)[2], "ms", 150)
note("of it waited for a processor that others had (median of 5)", sorted(waited)[2], "ms")
q = tenon.Platform(p.data)
q.own = True                            # the folder goes with the last of them
q.call("GET", "/api/v1/points")         # a person was there
end = time.monotonic() + 15
while time.monotonic() < end:           # the figure is that of rest, not of the start
    time.sleep(1)
claim("PSS of the process tree, idle", pss_mb(q.child.pid), "MB", 20)
q.close()
p.close()
done()
