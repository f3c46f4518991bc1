"""Peer: an operating system that says no. The n-th call of a kind fails, for every n until a run passes untouched: opening, writing,
syncing, renaming, memory. The platform then refuses with a sentence or goes on; it never dies of it, never hangs, and when it is started
again without the fault, everything it had acknowledged is there and its audit chain is whole.

faults.py PROGRAM RECORDER KIND[-] ERRNO [--sample N]      KIND- : the n-th and every later one
"""
import argparse
import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

from run import environment

PATIENCE = 60
WHEN = 1_600_000_000_000_000_000


def ask(host, token, method, path, body=None, kind="application/json"):
    request = urllib.request.Request(f"http://{host}{path}", method=method, data=body.encode() if body else None,
                                     headers={"Authorization": f"Bearer {token}", "Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()
    except (OSError, EOFError) as e:
        return 0, str(e).encode()


def serve(program, data, env):
    return subprocess.Popen([program, "serve", "--data", data, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, env=env)


def token_of(program, data, name):
    done = subprocess.run([program, "token", "create", name, "--data", data], capture_output=True, text=True, env=environment(), timeout=PATIENCE)
    return done.stdout.strip()


def live(program, data, env):
    """One life: starts, takes two samples, a place and a change, stops. (sentence of what is wrong or None, what was acknowledged)."""
    acked = set()
    child = serve(program, data, env)
    try:
        line = child.stdout.readline()
        if line.startswith("ready http://"):
            host = line.split("//")[1].strip()
            token = token_of(program, data, "first")
            for n in range(2):
                if ask(host, token, "POST", "/api/v1/write", f"fault v={n}.5 {WHEN + n * 1_000_000_000}", "text/plain")[0] == 204:
                    acked.add(("sample", n))
            status, body = ask(host, token, "POST", "/api/v1/places", '{"code":"hall"}')
            if status == 201:
                acked.add(("place", "hall"))
                if ask(host, token, "PATCH", f"/api/v1/places/{json.loads(body)['id']}", '{"name":"Hall 3"}', "application/json")[0] == 200:
                    acked.add(("name", "Hall 3"))
            child.send_signal(signal.SIGTERM)
        code = child.wait(PATIENCE)
        said = child.stderr.read()
    except subprocess.TimeoutExpired:
        child.kill()
        return "it hangs", acked
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()
        child.stdout.close()
    if code < 0:
        return f"it dies of signal {-code}: {said[-600:]}", acked
    if code and not said.strip():
        return f"it ends with {code} and says nothing", acked
    return None, acked


def remembers(program, data, acked):
    child = serve(program, data, environment())
    try:
        line = child.stdout.readline()
        if not line.startswith("ready http://"):
            child.wait(PATIENCE)
            return f"it does not start again: {child.stderr.read()[-600:]}"
        host, token = line.split("//")[1].strip(), token_of(program, data, "again")
        places = json.loads(ask(host, token, "GET", "/api/v1/places")[1])["items"]
        got = {("place", p["code"]) for p in places} | {("name", p.get("name")) for p in places}
        status, body = ask(host, token, "POST", "/api/v1/query", json.dumps({"points": ["fault/v"], "from": "2020-01-01T00:00:00Z",
                                                                            "to": "2021-01-01T00:00:00Z"}))
        if status == 200:
            for s in json.loads(body)["series"]:
                got |= {("sample", int(v)) for v in s["v"]}
        gone = acked - got
        if gone:
            return f"acknowledged and gone: {sorted(gone)}"
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(PATIENCE)
        child.stdout.close()
        child.stderr.close()
    whole = subprocess.run([program, "audit", "verify", "--data", data], capture_output=True, text=True, env=environment(), timeout=PATIENCE)
    return None if whole.returncode == 0 else f"audit: {whole.stdout}{whole.stderr}"


def step(program, recorder, kind, n, number):
    """(sentence or None, calls there were)"""
    with tempfile.TemporaryDirectory(prefix="tenon-fault-") as room:
        data, count = f"{room}/data", f"{room}/count"
        later = "-" if kind.endswith("-") else ""
        env = environment({"LD_PRELOAD": recorder, "TENON_RECORD_UNDER": data, "TENON_FAULT_COUNT": count,
                           "TENON_FAULT": f"{kind.rstrip('-')}:{n}{later}:{number}"})
        said, acked = live(program, data, env)
        calls = int(open(count).read() or 0) if os.path.exists(count) else 0
        if said is None and os.path.isdir(data):
            said = remembers(program, data, acked)
        return said, calls


def main():
    args = argparse.ArgumentParser()
    args.add_argument("program")
    args.add_argument("recorder")
    args.add_argument("kind", help="open, write, sync, rename or memory; with - behind: from the n-th on")
    args.add_argument("error", help="EIO, ENOSPC, …")
    args.add_argument("--sample", type=int, default=0)
    a = args.parse_args()
    program, recorder, number = os.path.abspath(a.program), os.path.abspath(a.recorder), getattr(errno, a.error)
    said, calls = step(program, recorder, a.kind, 0, number)
    assert said is None and calls, f"without a fault: {said}, {calls} calls"
    steps = range(1, calls + 1)
    if a.sample:
        steps = sorted({1 + i * calls // a.sample for i in range(a.sample)})
    bad = 0
    for n in steps:
        said, _ = step(program, recorder, a.kind, n, number)
        if said:
            bad += 1
            print(f"not ok - {a.kind} {n} of {calls} fails with {a.error}: {said}", flush=True)
    print(f"{a.kind}, {a.error}: {calls} calls, {len(steps)} faults, {bad} findings")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
