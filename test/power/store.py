"""Peer: a disk that loses what was not synced (disk.py), under the store alone (store.c): it writes, makes files of memory, merges them while more
comes, deletes, and moves them to a second folder. The power goes behind every sync and at random instants; from each disk the store starts, all that was acknowledged is there once, nothing
else is, and it can go on. With --flips: a wrong byte anywhere in any file instead; nothing wrong is ever answered, and what is missing is told.

store.py RECORDER STORE [--cuts N] [--sample N] [--seed N] [--steps N] [--flips N] [--keep DIR]
"""
import argparse
import concurrent.futures
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile

import disk

ROWS = 40               # as in store.c


def live(a, room, seed):
    """One life, recorded: (events, its folder)."""
    data, record = f"{room}/disk-{seed}", f"{room}/record-{seed}"
    open(record, "wb").close()
    os.mkdir(data)
    env = dict(os.environ, LD_PRELOAD=os.path.abspath(a.recorder), TENON_RECORD=record, TENON_RECORD_UNDER=data)
    done = subprocess.run([os.path.abspath(a.store), data, "live", str(a.steps), str(seed)], env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"the life of seed {seed} ended with {done.returncode}: {done.stdout}{done.stderr}"
    return disk.read(record), data


def judge(a, image, mode, said):
    """What is wrong with the folder, None when nothing is; and what was said."""
    rows, deleted, deleting = said
    try:
        done = subprocess.run([os.path.abspath(a.store), image, mode, *map(str, (rows, rows + ROWS, deleted, deleting))], capture_output=True, text=True, timeout=120)
        said = None if done.returncode == 0 else f"exit code {done.returncode}: {done.stdout[-300:]}{done.stderr[-300:]}"
        return said, done.stdout.strip()
    except subprocess.TimeoutExpired:
        return "it hangs", ""


def finish(a, image, bad, name):
    if bad and a.keep:
        shutil.copytree(image, f"{a.keep}/{name}", dirs_exist_ok=True)
    shutil.rmtree(image)


def cut_power(a, room, seed):
    """(cuts, findings) of one life."""
    events, data = live(a, room, seed)
    plan = disk.cuts(events, a.cuts, seed)
    if a.sample:
        plan = [plan[i * len(plan) // a.sample] for i in range(a.sample)]
    model, at, promised, bad, waiting, fds = disk.Disk(data), 0, (0, 0, 0), [], [], set()

    def one(number, image, index, how, promised):
        said, _ = judge(a, image, "check", promised)
        finish(a, image, said, f"cut-{seed}-{number}")
        return said and f"seed {seed}, cut {number} ({how}, call {index}), {promised} acknowledged: {said}"

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for number, (index, how) in enumerate(plan):
            while at < index:
                e = events[at]
                if e.op == disk.OPEN and e.path.endswith("/acknowledged"):
                    fds.add(e.fd)
                elif e.op == disk.OPEN:
                    fds.discard(e.fd)
                elif e.op == disk.WRITE and e.fd in fds:
                    promised = struct.unpack("<3Q", e.data)
                model.step(e)
                at += 1
            image = f"{room}/cut-{seed}-{number}"
            model.rebuild(image, how, random.Random(seed * 1_000_003 + number))
            waiting.append(pool.submit(one, number, image, index, how, promised))
            while len(waiting) > 4:
                bad.append(waiting.pop(0).result())
        bad += [w.result() for w in waiting]
    syncs = sum(e.op == disk.SYNC for e in events)
    return len(events), syncs, plan, [b for b in bad if b]


def kind_of(path):
    name = path.name
    if name in ("manifest", "series.dict", "series.parquet"):
        return name
    return "log" if path.parent.name == "wal" else "".join(path.suffixes) or name


def flip(a, room, seed):
    """Wrong bytes, one a folder, in files of every kind: {kind: {outcome: times}}, findings."""
    _, data = live(a, room, seed)
    with open(f"{data}/acknowledged", "rb") as f:
        rows = struct.unpack("<3Q", f.read()[-24:])
    rng, bad, outcomes = random.Random(seed), [], {}
    kinds = {}
    for path in sorted(p for p in pathlib.Path(data).rglob("*") if p.is_file() and p.stat().st_size and p.name != "acknowledged"):
        kinds.setdefault(kind_of(path), []).append(path.relative_to(data))

    def one(number, kind, name, where, bits):
        image = f"{room}/flip-{number}"
        shutil.copytree(data, image)
        with open(f"{image}/{name}", "r+b") as f:
            f.seek(where)
            byte = f.read(1)[0] ^ bits
            f.seek(where)
            f.write(bytes([byte]))
        said, out = judge(a, image, "damaged", rows)
        finish(a, image, said, f"flip-{number}")
        return kind, name, where, bits, said, out

    jobs = []
    for number in range(a.flips):
        kind = sorted(kinds)[number % len(kinds)]
        name = rng.choice(kinds[kind])
        size = os.path.getsize(f"{data}/{name}")
        where = rng.randrange(min(size, 64)) if rng.random() < 0.3 else rng.randrange(size)
        jobs.append((number, kind, name, where, rng.choice([1 << rng.randrange(8), 255])))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for kind, name, where, bits, said, out in pool.map(lambda j: one(*j), jobs):
            word = "wrong" if said else out.split("\n")[-1].split(" ")[0].rstrip(":")
            outcomes.setdefault(kind, {}).setdefault(word, 0)
            outcomes[kind][word] += 1
            # What is wrong in the last record of the log cannot be told from a tail that was torn.
            if said or (word == "lost" and not (kind == "log" and int(out.split(" ")[-1]) <= ROWS)):
                bad.append(f"{name} at {where} ^ {bits}: {said or out}")
    return outcomes, bad


def main():
    ask = argparse.ArgumentParser()
    ask.add_argument("recorder")
    ask.add_argument("store")
    ask.add_argument("--cuts", type=int, default=1000, help="random instants of a life besides its syncs")
    ask.add_argument("--sample", type=int, default=0, help="only so many of all cuts, spread evenly")
    ask.add_argument("--lives", type=int, default=1)
    ask.add_argument("--steps", type=int, default=60)
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--flips", type=int, default=0)
    ask.add_argument("--keep", help="folder for disks that failed")
    a = ask.parse_args()
    found = []
    with tempfile.TemporaryDirectory(prefix="tenon-power-") as room:
        if a.flips:
            outcomes, found = flip(a, room, a.seed)
            for kind, words in sorted(outcomes.items()):
                print(f"{kind}: " + ", ".join(f"{n} {w}" for w, n in sorted(words.items())))
            print(f"{a.flips} wrong bytes, {len(found)} findings")
        else:
            for seed in range(a.seed, a.seed + a.lives):
                calls, syncs, plan, bad = cut_power(a, room, seed)
                least = sum(how == "least" for _, how in plan)
                print(f"seed {seed}: {calls} calls, {syncs} syncs, {len(plan)} power cuts ({least} keep nothing unsynced), {len(bad)} findings", flush=True)
                found += bad
    for f in found:
        print(f"not ok - {f}")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
