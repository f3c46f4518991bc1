#!/usr/bin/env python3
"""Claim: with 100,000 points in the sheet no task of the browser takes more than 100 ms of processor time: while they load, while scrolling to the end,
filling 10,000 addresses down, changing 10,000 cells at once, filtering, undoing. In Chromium, with Playwright.

Peer: none. A sheet of 1,000 points in the same run shows what the machine itself takes.
"""
import os
import subprocess
import time

import common
import people

ROWS = int(os.environ.get("ROWS", "100000"))
STEPS = {"load": "while loading", "scroll": "scrolling to the end", "fill_down": "filling 10,000 addresses down", "bulk_change": "changing 10,000 cells",
         "filter": "filtering", "undo": "undoing both"}


def figures(rows):
    web = os.environ.get("TENON_WEB", str(common.ROOT / "build" / "web"))
    p = common.tenon.Platform(None, "--web", web)
    try:
        c = p.make("connections", code="line", driver="modbus-tcp", config={"host": "127.0.0.1"}, enabled=False)
        d = p.make("devices", code="press", connection=c["id"])
        p.make("groups", code="fast", device=d["id"])
        text = "\r\n".join(["code,name,description,address,type,unit,device,group",
                            *(f"TI_{i:06},{i % 40 + 1}号注塑机料筒温度,{i % 7 + 1}车间,HR{i % 60000},f32,℃,press,fast" for i in range(rows))])
        job = p.call("POST", "/api/v1/points/import?job=true", text, headers={"Content-Type": "text/csv"})[2]
        while job["state"] in ("queued", "running"):
            time.sleep(0.1)
            job = p.call("GET", f"/api/v1/jobs/{job['id']}")[2]
        assert job["state"] == "done" and job["result"]["created"] == rows, job
        who = people.person(p, "bench", "administrator")
        out = subprocess.run([str(common.ROOT / "tools" / "node"), "node", str(common.ROOT / "bench" / "grid.mjs"), p.url, who.headers["Cookie"], str(rows)],
                             check=True, stdout=subprocess.PIPE, text=True).stdout
        return {name: tuple(map(float, rest)) for name, *rest in map(str.split, out.splitlines())}
    finally:
        p.stop()


small, large = figures(min(1000, ROWS)), figures(ROWS)
common.note("the whole load takes", large["load"][3] / 1000, "s")
for step, what in STEPS.items():
    common.note(f"{what}, 1,000 points: longest task", small[step][0], "ms")
    common.note(f"{what}: longest task by the clock", large[step][1], "ms")
    common.note(f"{what}: longest frame by the clock", large[step][2], "ms")
    common.claim(f"{what}, {ROWS} points: longest task", large[step][0], "ms of CPU", 100)
common.done()
