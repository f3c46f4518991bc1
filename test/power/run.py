"""Peer: a disk that loses what was not synced (disk.py; the rules are POSIX's). The platform runs under load, every call that changes
its folder is recorded, and the disk is rebuilt as a power cut may leave it: behind every sync, and at random instants between. From each
such disk the platform starts, every sample and record that had been acknowledged by then is there once with its value, nothing is
there that nobody sent, and the audit chain is whole.

run.py PROGRAM RECORDER [--cuts N] [--sample N] [--seed N] [--keep DIR]
"""
import argparse
import concurrent.futures
import http.client
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.request

import disk

START = 1_600_000_000_000_000_000
ROWS = 120


def environment(extra=None):
    env = dict(os.environ, TENON_LANG="en")
    env.update(extra or {})
    return env


class Server:
    def __init__(self, program, data, env=None, options=()):
        self.child = subprocess.Popen([program, "serve", "--data", data, "--listen", "127.0.0.1:0", "--head", "1048576", *options],
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env or environment())
        line = self.child.stdout.readline()
        if not line.startswith("ready http://"):
            self.child.kill()
            raise AssertionError(f"it does not start: {line!r} {self.child.stderr.read()[-600:]!r}")
        self.host = line.split("//")[1].strip()

    def call(self, token, method, path, body=None):
        request = urllib.request.Request(f"http://{self.host}{path}", method=method, data=json.dumps(body).encode() if body else None,
                                         headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def end(self, sig):
        self.child.send_signal(sig)
        self.child.wait(60)
        self.child.stdout.close()
        self.child.stderr.close()


def token_of(program, data, name, env=None):
    done = subprocess.run([program, "token", "create", name, "--data", data], capture_output=True, text=True, env=env or environment())
    assert done.returncode == 0, f"no token: {done.stderr}"
    return done.stdout.strip()


def value_of(client, n):
    return ((client * 7919 + n) * 2654435761 % (1 << 40)) / 1024.0          # no two alike, no pattern a compressor would find


class Client(threading.Thread):
    """One connection; remembers what each of its requests was, in order. Its port says which answers are its."""

    def __init__(self, server, token, number, sent, requests):
        super().__init__()
        self.server, self.token, self.number, self.sent, self.requests = server, token, number, sent, requests
        self.port, self.asked, self.failed = None, [], None

    def ask(self, n):
        first = self.sent[self.number]
        self.sent[self.number] += ROWS
        if self.number < 3:
            text = "\n".join(f"power c{self.number}={value_of(self.number, i)!r} {START + i * 1_000_000}" for i in range(first, first + ROWS))
            return ("samples", first), "/api/v1/write", text, "text/plain"
        return ("place", f"p{first}"), "/api/v1/places", json.dumps({"code": f"p{first}"}), "application/json"

    def run(self):
        conn = http.client.HTTPConnection(self.server.host, timeout=60)
        conn.connect()
        self.port = conn.sock.getsockname()[1]
        for n in range(self.requests if self.number < 3 else self.requests // 4):
            what, path, body, kind = self.ask(n)
            self.asked.append(what)
            conn.request("POST", path, body, {"Authorization": f"Bearer {self.token}", "Content-Type": kind})
            answer = conn.getresponse()
            answer.read()
            if answer.status not in (201, 204):
                self.failed = answer.status
                return
        conn.close()


def load(program, recorder, data, record, requests):
    """Two lives of the platform, the first ended by kill -9, under clients; returns them."""
    open(record, "wb").close()
    env = environment({"LD_PRELOAD": recorder, "TENON_RECORD": record, "TENON_RECORD_UNDER": data})
    sent, clients, token = [0] * 4, [], None
    for sig in (signal.SIGKILL, signal.SIGTERM):
        server = Server(program, data, env)
        token = token or token_of(program, data, "load", env)
        now = [Client(server, token, i, sent, requests) for i in range(4)]
        for c in now:
            c.start()
        for c in now:
            c.join()
            assert c.failed is None, f"answer {c.failed}"
        clients += now
        server.end(sig)
    return clients


def promised(clients, answers):
    """What was acknowledged when these answers had been sent: per client the first numbers of its requests, and places."""
    samples, places = [set(), set(), set()], set()
    for c in clients:
        good = sum(200 <= s < 300 for s in answers.get(c.port, []))
        for kind, what in c.asked[:good]:
            if kind == "samples":
                samples[c.number].update(range(what, what + ROWS))
            else:
                places.add(what)
    return samples, places


def check(program, data, samples, places, limits):
    """Starts from the rebuilt disk; a sentence for what is not as promised."""
    token = token_of(program, data, "look") if os.path.exists(f"{data}/VERSION") else None
    server = Server(program, data)
    try:
        if token is None:
            token = token_of(program, data, "look")
        listed, cursor = set(), ""
        while True:
            page = server.call(token, "GET", f"/api/v1/places?limit=1000{cursor}")
            listed |= {p["code"] for p in page["items"]}
            if not page.get("next"):
                break
            cursor = f"&cursor={page['next']}"
        if places - listed:
            return f"{len(places - listed)} acknowledged places are gone, {sorted(places - listed)[0]} among them"
        points = server.call(token, "GET", "/api/v1/points?limit=100")["items"]
        have = {p["code"] for p in points if p["code"].startswith("c")}
        for i in range(3):
            if f"c{i}" not in have:
                if samples[i]:
                    return f"the point c{i} is gone"
                continue
            got = server.call(token, "POST", "/api/v1/query", {"points": [f"power/c{i}"], "from": "2020-01-01T00:00:00Z",
                                                               "to": "2021-01-01T00:00:00Z", "limit": 1_000_000})
            series = (got.get("series") or [{"t": [], "v": []}])[0]
            seen = dict(zip(series["t"], series["v"]))
            if len(seen) != len(series["t"]):
                return f"c{i}: a time is there twice"
            for t, v in seen.items():
                n = (t * 1000 - START) // 1_000_000
                if not 0 <= n < limits[i] or v != value_of(i, n):
                    return f"c{i}: {v} at {t} was never sent"
            gone = [n for n in samples[i] if (START + n * 1_000_000) // 1000 not in seen]
            if gone:
                return f"c{i}: {len(gone)} of {len(samples[i])} acknowledged samples are gone, number {min(gone)} first"
    finally:
        server.end(signal.SIGKILL)
    whole = subprocess.run([program, "audit", "verify", "--data", data], capture_output=True, text=True, env=environment())
    return None if whole.returncode == 0 else f"audit: {whole.stdout}{whole.stderr}"


def main():
    ask = argparse.ArgumentParser()
    ask.add_argument("program")
    ask.add_argument("recorder")
    ask.add_argument("--cuts", type=int, default=1000, help="random instants besides the syncs")
    ask.add_argument("--sample", type=int, default=0, help="only so many of all cuts, spread evenly")
    ask.add_argument("--requests", type=int, default=60)
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--keep", help="folder for disks that failed")
    a = ask.parse_args()
    with tempfile.TemporaryDirectory(prefix="tenon-power-") as room:
        data, record = f"{room}/disk", f"{room}/record"
        clients = load(os.path.abspath(a.program), os.path.abspath(a.recorder), data, record, a.requests)
        events = disk.read(record)
        plan = disk.cuts(events, a.cuts, a.seed)
        syncs = sum(e.op == disk.SYNC for e in events)
        if a.sample:
            plan = [plan[i * len(plan) // a.sample] for i in range(a.sample)]
        limits = [max([what + ROWS for c in clients if c.number == i for _, what in c.asked]) for i in range(3)]
        print(f"{len(events)} calls recorded, {syncs} syncs, {len(plan)} power cuts", flush=True)
        model, at, bad, waiting = disk.Disk(data), 0, 0, []

        def judge(number, image, index, how, want):
            try:
                said = check(a.program, image, *want, limits)
            except Exception as e:              # the sentence is the finding
                said = f"{type(e).__name__}: {e}"
            if said and a.keep:
                shutil.copytree(image, f"{a.keep}/cut-{number}", dirs_exist_ok=True)
            shutil.rmtree(image)
            return number, index, how, said

        def harvest(limit):
            nonlocal bad
            while len(waiting) > limit:
                number, index, how, said = waiting.pop(0).result()
                if said:
                    bad += 1
                    print(f"not ok - cut {number} ({how}, call {index}): {said}", flush=True)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for number, (index, how) in enumerate(plan):
                while at < index:
                    model.step(events[at])
                    at += 1
                image = f"{room}/cut-{number}"
                model.rebuild(image, how, random.Random(a.seed * 1_000_003 + number))
                waiting.append(pool.submit(judge, number, image, index, how, promised(clients, model.answers)))
                harvest(4)
            harvest(0)
        last, places = promised(clients, model.answers)
        print(f"{sum(map(len, last))} samples and {len(places)} places acknowledged; {len(plan) - bad} of {len(plan)} cuts as promised")
        sys.exit(bad > 0)


if __name__ == "__main__":
    main()
