"""Backups over the interface and from the command line of another computer. Peers: sha256sum's digest of Python, GNU tar, `tenon restore`."""
import hashlib
import os
import subprocess

import pytest

import people
import tenon
from test_backup import Load, records, samples

BASE = "/api/v1"
PASSPHRASE = "correct horse"


def run(p, *args, **env):
    return subprocess.run([tenon.PROGRAM, *args], capture_output=True, text=True, timeout=120,
                          env={**os.environ, "TENON_LANG": "en", "TENON_SERVER": p.url, "TENON_TOKEN": p.token, **env})


def ended(p, job):
    return tenon.wait_for(lambda: (lambda j: j if j["state"] not in ("queued", "running") else None)(p.call("GET", f"{BASE}/jobs/{job}")[2]), 60, "the end")


def made(p, **body):
    """One backup, from the request to the end of its job: the backup as it is listed."""
    status, head, job = p.call("POST", f"{BASE}/backups", body)
    assert status == 202 and head["Location"] == f"{BASE}/jobs/{job['id']}" and job["kind"] == "backup.make", job
    job = ended(p, job["id"])
    assert job["state"] == "done" and job["unit"] == "bytes" and job["done"] == job["total"] > 0, job
    return p.call("GET", f"{BASE}/backups/{job['result']['backup']}")[2]


def entries(p, deed, store="system"):
    items = p.call("GET", f"{BASE}/audit?store={store}&deed={deed}")[2]["items"]
    return [(e["outcome"], e["name"], (e.get("changes") or {}).get("changes", [])) for e in items]


@pytest.fixture(scope="module")
def p(tmp_path_factory):
    p = tenon.Platform(str(tmp_path_factory.mktemp("backups") / "data"), "--head", "1 MB")
    p.token = p.sign_in()
    yield p
    assert p.close() == 0, "".join(p.errors[-20:])


def test_what_is_made_under_load_and_fetched_is_restored_to_the_same_platform(p, tmp_path):
    load = Load(p)
    load.start()
    tenon.wait_for(lambda: load.acknowledged >= 20 or load.failed, 60, "some load")
    before = load.acknowledged
    b = made(p, passphrase=PASSPHRASE)
    after = load.acknowledged
    load.over.set()
    load.join()
    assert load.failed is None, load.failed
    assert b["keys"] is True and b["damaged"] is False and b["verified"] is None
    status, head, body = p.call("GET", f"{BASE}/backups/{b['id']}/file", raw=True)
    assert status == 200 and head["Content-Type"] == "application/x-tar" and f"tenon-{b['id']}.tar" in head["Content-Disposition"]
    assert len(body) == b["bytes"] and hashlib.sha256(body).hexdigest() == b["sha256"]
    assert PASSPHRASE.encode() not in body
    (tmp_path / "b.tar").write_bytes(body)
    done = run(p, "restore", str(tmp_path / "b.tar"), "--data", str(tmp_path / "again"), TENON_PASSPHRASE=PASSPHRASE)
    assert done.returncode == 0 and "with keys" in done.stdout, done.stderr
    again = tenon.Platform(str(tmp_path / "again"))
    again.token = p.token                                           # it is known there, too
    for k in (0, 7, 15):
        was, got = samples(p, k), samples(again, k)
        assert before <= len(got) <= after + 1 and got == dict(list(was.items())[:len(got)])
    there, here = records(again), records(p)
    for noun, items in there.items():
        assert all(here[noun][i] == item for i, item in items.items())
    assert there["points"] and there["points"] == here["points"]
    assert again.call("GET", f"{BASE}/backups")[2]["items"] == []   # backups are not in backups
    for store in ("tenant", "system"):
        assert again.call("GET", f"{BASE}/audit/verify?store={store}")[2]["whole"] is True
    assert again.close() == 0


def test_who_made_and_fetched_it_is_in_the_audit_and_the_passphrase_nowhere(p):
    b = made(p, passphrase="battery staple")
    assert p.call("GET", f"{BASE}/backups/{b['id']}/file", raw=True)[0] == 200
    outcome, name, changes = entries(p, "backup.create")[0]
    assert (outcome, name) == ("ok", "test") and {"backup": b["id"]} in changes and {"sha256": b["sha256"]} in changes and {"keys": "with"} in changes
    assert ("ok", "test", [{"backup": b["id"]}]) in entries(p, "backup.download")
    jobs, audit = (p.call("GET", path, raw=True)[2] for path in (f"{BASE}/jobs", f"{BASE}/audit?limit=1000"))
    assert b"battery" not in jobs and b"battery" not in audit
    found = subprocess.run(["grep", "-rl", "battery staple", p.data], capture_output=True, text=True)
    assert found.stdout == ""


def test_the_platforms_system_administrators_alone(p):
    """An operator, who watches it, and the administrator of another tenant, who has every right there."""
    b = made(p)
    there = p.make("tenants", code="neighbour")
    assert p.call("POST", f"{BASE}/tenants/{there['id']}/users", {"name": "boss", "password": "ten letters"})[0] == 201
    others = [people.Person(p, "boss", "ten letters"), people.person(p, "olga", "operator"), people.person(p, "egon", "engineer"),
              people.person(p, "anna", "audit_administrator"), people.person(p, "sven", "security_administrator")]
    rights = others[0]("GET", f"{BASE}/session")[2]["permissions"]
    assert "system.backup" not in rights and "user.write" in rights
    for other in others:
        for method, path, body in (("GET", "", None), ("POST", "", {}), ("GET", f"/{b['id']}", None), ("GET", f"/{b['id']}/file", None),
                                   ("POST", f"/{b['id']}/verify", None), ("DELETE", f"/{b['id']}", None)):
            status, _, problem = other(method, f"{BASE}/backups{path}", body)
            assert (status, problem["args"]["permission"]) == (403, "system.backup"), (other.name, method, path, problem)
    for deed in ("backup.create", "backup.download", "backup.delete"):
        assert {"olga", "egon", "anna", "sven"} <= {name for outcome, name, _ in entries(p, deed, "tenant") if outcome != "ok"}
    assert "boss" in [e["name"] for e in others[0]("GET", f"{BASE}/audit?deed=backup.create")[2]["items"]]
    # Not by a role of one's own making either, and not for a tenant's own administrator to give.
    role = others[0]("POST", f"{BASE}/roles", {"name": "saver", "permissions": ["system.backup"]})[2]
    secret = others[0]("POST", f"{BASE}/tokens", {"name": "saver", "role": role["id"]})[2]["secret"]
    assert p.call("GET", f"{BASE}/backups", token=secret)[0] == 403
    system = people.person(p, "sysop", "system_administrator")
    assert system("GET", f"{BASE}/backups")[2]["items"][0]["id"] == b["id"]
    assert p.call("GET", f"{BASE}/backups", token="-", headers={"Authorization": None})[0] == 401


def test_a_check_says_whole_or_damaged(p):
    b = made(p)
    job = ended(p, p.call("POST", f"{BASE}/backups/{b['id']}/verify")[2]["id"])
    assert (job["state"], job["result"]) == ("done", {"backup": b["id"]}), job
    now = p.call("GET", f"{BASE}/backups/{b['id']}")[2]
    assert now["verified"] and now["damaged"] is False and now["sha256"] == b["sha256"]
    path = f"{p.data}/backups/tenon-{b['id']}.tar"
    with open(path, "r+b") as f:
        f.seek(b["bytes"] // 2)
        byte = f.read(1)
        f.seek(-1, 1)
        f.write(bytes([byte[0] ^ 1]))
    job = ended(p, p.call("POST", f"{BASE}/backups/{b['id']}/verify")[2]["id"])
    assert (job["state"], job["code"]) == ("failed", "corrupt") and "the backup is damaged" in job["detail"], job
    assert p.call("GET", f"{BASE}/backups/{b['id']}")[2]["damaged"] is True
    assert {"found": "damaged"} in entries(p, "backup.verify")[0][2]
    assert p.call("DELETE", f"{BASE}/backups/{b['id']}")[0] == 204
    assert not os.path.exists(path) and ("ok", "test", [{"backup": b["id"]}]) in entries(p, "backup.delete")
    for method, more in (("GET", ""), ("GET", "/file"), ("DELETE", ""), ("POST", "/verify")):
        assert p.call(method, f"{BASE}/backups/{b['id']}{more}")[0] == 404
    for ident in ("..", "%2e%2e%2fVERSION", "20260131T080000Z", "20260131T080000Z-01", "x" * 300):
        assert p.call("GET", f"{BASE}/backups/{ident}")[0] in (400, 404)


def test_the_newest_stay_and_a_note_that_is_lost_is_found_again(tmp_path, monkeypatch):
    monkeypatch.setenv("TENON_LIMITS_BACKUPS", "2")
    p = tenon.Platform(str(tmp_path / "data"))
    all_of_them = [made(p)["id"] for _ in range(3)]
    listed = p.call("GET", f"{BASE}/backups")[2]
    assert listed["keep"] == 2 and [b["id"] for b in listed["items"]] == all_of_them[:0:-1]
    assert sorted(os.listdir(f"{p.data}/backups")) == sorted(f"tenon-{i}.{s}" for i in all_of_them[1:] for s in ("json", "tar"))
    assert {"removed": all_of_them[0]} in entries(p, "backup.create")[0][2]
    lost = all_of_them[1]
    os.unlink(f"{p.data}/backups/tenon-{lost}.json")
    bare = p.call("GET", f"{BASE}/backups/{lost}")[2]
    assert bare["bytes"] > 0 and not bare.get("sha256")
    ended(p, p.call("POST", f"{BASE}/backups/{lost}/verify")[2]["id"])
    again = p.call("GET", f"{BASE}/backups/{lost}")[2]
    with open(f"{p.data}/backups/tenon-{lost}.tar", "rb") as f:
        assert again["sha256"] == hashlib.sha256(f.read()).hexdigest()
    assert again["version"] == p.call("GET", f"{BASE}/status")[2]["version"]
    assert p.close() == 0


def test_one_at_a_time_and_a_cancelled_one_leaves_nothing(p):
    before = set(os.listdir(f"{p.data}/backups"))
    # Something large to save, so that there is time to say no.
    big = f"{p.data}/tenants/1/blob"
    os.makedirs(big)
    with open(f"{big}/large", "wb") as f:
        f.truncate(2 << 30)
    job = p.call("POST", f"{BASE}/backups", {})[2]
    status, _, problem = p.call("POST", f"{BASE}/backups", {})
    assert (status, problem["detail"]) == (429, "backups made or checked at the same time: at most 1"), problem
    assert p.call("POST", f"{BASE}/jobs/{job['id']}/cancel")[0] == 202
    job = ended(p, job["id"])
    assert job["state"] == "cancelled", job
    assert set(os.listdir(f"{p.data}/backups")) == before and os.listdir(f"{p.data}/tmp") == []
    os.unlink(f"{big}/large")
    os.rmdir(big)
    made(p)                                                         # and the next one may begin


def test_a_platform_that_is_killed_while_it_makes_one_leaves_nothing_after_the_next_start(tmp_path):
    p = tenon.Platform(str(tmp_path / "data"))
    token = p.token = p.sign_in()
    whole = made(p)["id"]
    os.makedirs(f"{p.data}/tenants/1/blob")
    with open(f"{p.data}/tenants/1/blob/large", "wb") as f:
        f.truncate(2 << 30)
    job = p.call("POST", f"{BASE}/backups", {"passphrase": PASSPHRASE})[2]["id"]
    tenon.wait_for(lambda: any(name.endswith(".part") for name in os.listdir(f"{p.data}/backups")), 60, "it is being written")
    p.child.kill()
    p.child.wait()
    os.unlink(f"{p.data}/tenants/1/blob/large")
    p = tenon.Platform(p.data)
    p.token = token
    assert sorted(os.listdir(f"{p.data}/backups")) == [f"tenon-{whole}.json", f"tenon-{whole}.tar"] and os.listdir(f"{p.data}/tmp") == []
    assert p.call("GET", f"{BASE}/jobs/{job}")[2]["state"] == "interrupted"
    assert [b["id"] for b in p.call("GET", f"{BASE}/backups")[2]["items"]] == [whole]
    assert made(p)["keys"] is False                                 # and what was to seal the other one is forgotten
    assert p.close() == 0


def test_from_the_command_line_of_another_computer(p, tmp_path):
    (tmp_path / "pw").write_text(PASSPHRASE + "\n")
    done = run(p, "backup", "make", "--passphrase-file", str(tmp_path / "pw"), "--file", str(tmp_path / "here.tar"))
    assert done.returncode == 0, done.stderr
    here = tmp_path / "here.tar"
    assert here.stat().st_mode & 0o777 == 0o600
    listed = run(p, "backup", "list", "--output", "json")
    newest = p.call("GET", f"{BASE}/backups")[2]["items"][0]
    assert listed.returncode == 0 and newest["id"] in listed.stdout
    assert hashlib.sha256(here.read_bytes()).hexdigest() == newest["sha256"] and newest["keys"]
    done = run(p, "backup", "file", newest["id"], "--file", str(here))
    assert done.returncode == 65 and "exists already" in done.stderr
    done = run(p, "backup", "file", newest["id"], "--file", str(tmp_path))
    assert done.returncode == 0 and (tmp_path / f"tenon-{newest['id']}.tar").read_bytes() == here.read_bytes()
    done = run(p, "backup", "verify", newest["id"])
    assert done.returncode == 0 and newest["sha256"] in done.stdout, done.stderr
    assert run(p, "backup", "delete", newest["id"]).returncode == 0
    done = run(p, "backup", "file", newest["id"], "--file", str(tmp_path / "gone.tar"))
    assert done.returncode == 66 and not (tmp_path / "gone.tar").exists()
    done = run(p, "backup", "list", TENON_TOKEN=p.sign_in(role="engineer", name="nosy"))
    assert done.returncode == 77 and "this needs the permission system.backup" in done.stderr
    assert run(p, "backup", "make", "--passphrase", "x").returncode == 64


# What the kernel says of the file system of backups/, said by the library in front of it: blocks free, of 2000 in all.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#define SHIM(name, type) int name(const char *path, struct type *st) { \
	int (*next)(const char *, struct type *) = (int (*)(const char *, struct type *)) dlsym(RTLD_NEXT, #name); int r = next(path, st); \
	unsigned long left; FILE *f = strstr(path, "/backups") ? fopen(getenv("SHIM"), "r") : NULL; \
	if (f && fscanf(f, "%lu", &left) == 1) { st->f_frsize = 4096; st->f_blocks = 2000; st->f_bfree = st->f_bavail = left; } \
	if (f) fclose(f); \
	return r; }
SHIM(statvfs, statvfs)
SHIM(statvfs64, statvfs64)
"""


def test_a_disk_without_room_gets_one_sentence_and_no_file(tmp_path, monkeypatch):
    (tmp_path / "shim.c").write_text(SHIM)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(tmp_path / "shim.so"), str(tmp_path / "shim.c"), "-ldl"], check=True)
    monkeypatch.setenv("LD_PRELOAD", f"{tmp_path}/shim.so")
    monkeypatch.setenv("SHIM", str(tmp_path / "left"))
    p = tenon.Platform(str(tmp_path / "data"))
    monkeypatch.delenv("LD_PRELOAD")
    (tmp_path / "left").write_text("200")
    job = ended(p, p.call("POST", f"{BASE}/backups", {})[2]["id"])
    assert (job["state"], job["code"]) == ("failed", "no_room"), job
    assert job["detail"].startswith("not enough room on the disk for the backup: ") and job["detail"].endswith(" is needed, 800 KB is left")
    assert job["detail_zh"].startswith("磁盘空间不足以存放备份：需要 ") and job["detail_zh"].endswith("剩余 800 KB")
    (tmp_path / "left").write_text("99")
    status, _, problem = p.call("POST", f"{BASE}/backups", {})
    assert (status, problem["detail"]) == (507, "disk is full: less than a twentieth is left"), problem
    assert os.listdir(f"{p.data}/backups") == [] and os.listdir(f"{p.data}/tmp") == []
    (tmp_path / "left").unlink()
    made(p)
    p.close()
