#!/usr/bin/env python3
"""From a change of a register to the WebSocket client: a master writes the device, the platform polls it every 10 ms, a client (websockets,
PyPI) sees the value. p99 of 1,000 changes; the log lies in memory."""
import asyncio
import json
import random
import struct
import sys
import time

from common import claim, connect, data_in_memory, done, modsim, note, tenon

import websockets

CHANGES = int(sys.argv[1]) if len(sys.argv) > 1 else 1000


async def run(p, port, point):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took = []
    async with websockets.connect(p.url.replace("http", "ws") + "/api/v1/live") as ws:
        await ws.send(json.dumps({"op": "hello", "token": p.token}))
        await ws.recv()
        await ws.send(json.dumps({"op": "subscribe", "id": "x", "points": [point], "max_hz": 100}))
        for n in range(CHANGES):
            value = float(n + 1)
            began = time.monotonic()
            writer.write(struct.pack(">HHHBBHHBf", n & 0xffff, 0, 11, 1, 16, 8, 2, 4, value))
            await reader.readexactly(12)
            while True:
                frame = json.loads(await asyncio.wait_for(ws.recv(), 5))
                if frame["op"] == "values" and any(v[2] == value for v in frame["v"]):
                    break
            took.append((time.monotonic() - began) * 1000)
            await asyncio.sleep(random.uniform(0.06, 0.1))
    return sorted(took)

data_in_memory()
sim, port = modsim(1, "--registers", 100)
if not sim:
    sys.exit("skipped: ../shared/tools/modsim.c is absent")
p = tenon.Platform()
connect(p, "d", port, [8], 10)
point = p.call("GET", "/api/v1/points?code=p8")[2]["items"][0]["id"]
took = asyncio.run(run(p, port, point))
note("p50", took[len(took) // 2], "ms")
claim("register change to WebSocket client, p99", took[int(len(took) * 0.99)], "ms", 50)
sim.terminate()
p.close()
done()
