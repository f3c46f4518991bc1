"""Records in PostgreSQL: the server is killed under load and comes back, is not there, is somebody else's, is named by a secret."""
import http.client
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
import urllib.parse

import pytest

import tenon

pytestmark = pytest.mark.skipif(not tenon.postgres.is_there(), reason="no PostgreSQL server here: tools/setup test says why")
CLIENTS, KILLS = 3, 3


@pytest.fixture(scope="module")
def server():
    s = tenon.postgres.Server()
    yield s
    s.close()


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.delenv("TENON_TEST_STORE", raising=False)       # each says itself where its records go
    return str(tmp_path / "data")


def serve(data, *options, **env):
    return subprocess.run([tenon.PROGRAM, "serve", "--data", data, "--listen", "127.0.0.1:0", *options], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **env})


def work(url, token, client, made, stop):
    """Makes records until it is told to stop; what was acknowledged is remembered, what was refused is counted."""
    host = urllib.parse.urlparse(url).netloc
    wire, n = http.client.HTTPConnection(host, timeout=30), 0
    while not stop.is_set():
        n += 1
        code = f"{client}-{len(made['yes'])}-{n}"
        wire.request("POST", "/api/v1/places", json.dumps({"code": code, "name": "new"}),
                     {"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
        answer = wire.getresponse()
        body = json.loads(answer.read())
        if answer.status == 201:
            made["yes"].append(body["id"])
        else:
            made["no"].append((answer.status, body["code"], code))
            time.sleep(0.05)            # it was told to come back later


def test_a_server_killed_under_load_and_started_again_loses_nothing_acknowledged(server, data):
    p = tenon.Platform(data, "--store", server.database())
    p.token = p.sign_in()
    made, stop = [{"yes": [], "no": []} for _ in range(CLIENTS)], threading.Event()
    threads = [threading.Thread(target=work, args=(p.url, p.token, i, made[i], stop)) for i in range(CLIENTS)]
    try:
        for t in threads:
            t.start()
        for _ in range(KILLS):
            before = [len(m["yes"]) for m in made]
            tenon.wait_for(lambda: all(len(m["yes"]) > b + 5 for m, b in zip(made, before)), 60, "records are made")
            server.kill()
            gone = [len(m["no"]) for m in made]
            tenon.wait_for(lambda: all(len(m["no"]) > g for m, g in zip(made, gone)), 60, "records are refused")
            assert p.call("GET", "/healthz")[0] == 200
            server.start()
        before = [len(m["yes"]) for m in made]
        tenon.wait_for(lambda: all(len(m["yes"]) > b for m, b in zip(made, before)), 60, "records are made again, without a restart")
    finally:
        stop.set()
        for t in threads:
            t.join()
    refused = {(status, code) for m in made for status, code, _ in m["no"]}
    assert refused == {(503, "unavailable")}

    def get(path):
        """A connection that could not be made is not tried again at once; who asks then is told to come back."""
        return tenon.wait_for(lambda: (got := p.call("GET", path))[0] not in (429, 503) and got, 20, path)
    for m in made:
        for place in m["yes"]:
            assert get(f"/api/v1/places/{place}")[0] == 200
        for _, _, code in m["no"]:                      # not there, or whole
            found = get(f"/api/v1/places?code={code}")[2]["items"]
            assert len(found) <= 1 and all(f["name"] == "new" and f["rev"] == 1 for f in found)
    for store in ("tenant", "system"):
        assert get(f"/api/v1/audit/verify?store={store}")[2]["whole"]
    assert p.stop() == 0


def test_a_point_made_while_the_server_was_away_for_a_moment_is_there_without_a_restart(server, data):
    p = tenon.Platform(data, "--store", server.database())
    p.token = p.sign_in()
    p.make("places", code="before", name="before")
    server.kill()
    status, head, body = p.call("POST", "/api/v1/places", {"code": "during", "name": "during"})
    assert (status, body["code"], head["Retry-After"]) == (503, "unavailable", "1") and body["detail"].startswith("PostgreSQL cannot be reached: ")
    status, _, body = p.call("POST", "/api/v1/places", {"code": "during", "name": "during"}, headers={"Accept-Language": "zh"})
    assert (status, body["detail"].startswith("无法连接PostgreSQL：")) == (503, True)
    server.start()
    tenon.wait_for(lambda: p.call("POST", "/api/v1/places", {"code": "after", "name": "after"})[0] == 201, 30, "it is back")
    assert p.stop() == 0


def test_a_start_without_the_server_ends_with_one_sentence(data):
    with tempfile.TemporaryDirectory() as nobody:
        for lang, want in (("en", "tenon: PostgreSQL cannot be reached: "), ("zh", "tenon: 无法连接PostgreSQL：")):
            done = serve(data, "--store", f"postgresql://x@/d?host={nobody}", LANG=f"{lang}_{lang.upper()}.UTF-8", LC_ALL="", LANGUAGE="")
            assert done.returncode == 69, done.stderr                # EX_UNAVAILABLE
            said = [line for line in done.stderr.splitlines() if line.startswith("tenon: ")]
            assert len(said) == 1 and said[0].startswith(want), done.stderr
    assert not os.path.exists(f"{data}/STORE")          # what never opened is not remembered


def test_a_store_has_one_platform(server, data, tmp_path):
    url = server.database()
    p = tenon.Platform(data, "--store", url)
    done = serve(str(tmp_path / "other"), "--store", url)
    assert done.returncode == 75 and "is used by another process" in done.stderr
    assert p.sign_in()                                  # a verb of the command line works beside it
    p.stop(signal.SIGKILL)
    p = tenon.Platform(data)                            # the folder remembers, and the lock went with the process
    assert p.stop() == 0


def test_a_folder_keeps_to_its_place(server, data, tmp_path):
    tenon.Platform(data, "--store", server.database()).stop()
    assert os.stat(f"{data}/STORE").st_mode & 0o777 == 0o600
    done = serve(data, "--store", server.database())
    assert done.returncode == 78 and "tenon store move" in done.stderr, done.stderr
    files = str(tmp_path / "files")
    tenon.Platform(files).stop()
    done = serve(files, "--store", server.database())
    assert done.returncode == 78 and "tenon store move" in done.stderr, done.stderr


def test_a_password_comes_from_a_file_alone(server, data, tmp_path):
    url = server.database()
    secret = url.replace("postgres@", "postgres:opensesame@")
    done = serve(data, "--store", secret)
    assert done.returncode == 78 and "--store-file" in done.stderr and "opensesame" not in done.stderr
    (tmp_path / "url").write_text(secret + "\n")
    p = tenon.Platform(data, "--store-file", str(tmp_path / "url"))
    assert "opensesame" not in open(f"/proc/{p.child.pid}/cmdline").read()
    assert p.sign_in() and p.stop() == 0


def move(data, *options, lang="en"):
    return subprocess.run([tenon.PROGRAM, "store", "move", "--data", data, *options], capture_output=True, text=True, timeout=120,
                          env={**os.environ, "LANG": f"{lang}_{lang.upper()}.UTF-8", "LC_ALL": "", "LANGUAGE": ""})


def everything(p):
    """What the doors say of the records; the audit grows by being asked."""
    seen = {}
    for noun in ("places", "connections", "devices", "groups", "points", "users", "roles", "tokens", "tenants"):
        status, _, body = p.call("GET", f"/api/v1/{noun}?limit=1000")
        assert status == 200
        seen[noun] = [{k: v for k, v in row.items() if k != "last_used"} for row in body["items"]]
    seen["audit"] = p.call("GET", "/api/v1/audit?limit=1000&sort=seq")[2]["items"]
    return seen


def test_records_move_to_postgresql_and_back_whole(server, data):
    p = tenon.Platform(data)
    p.token = p.sign_in()
    site = p.make("places", code="site", name="厂区", level="site")
    for i in range(30):
        place = p.make("places", code=f"p{i}", name=f"place {i}", parent=site["id"])
        if i % 5 == 0:
            assert p.call("DELETE", f"/api/v1/places/{place['id']}")[0] == 204
    p.make("tenants", code="second", name="Second")
    before = everything(p)
    busy = move(data, "--to", server.database())
    assert busy.returncode == 75 and "is used by another process" in busy.stderr
    assert p.stop() == 0
    token, files = p.token, open(f"{data}/system/store.db", "rb").read()

    def look():
        p = tenon.Platform(data)
        p.token = token
        after = everything(p)
        assert {k: v for k, v in after.items() if k != "audit"} == {k: v for k, v in before.items() if k != "audit"}
        assert after["audit"][:len(before["audit"])] == before["audit"]
        p.make("places", code=f"more-{len(after['audit'])}", name="more")
        before.update(everything(p))
        assert p.stop() == 0
        done = subprocess.run([tenon.PROGRAM, "audit", "verify", "--data", data], capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout.count("whole") == 3, done.stdout + done.stderr

    url = server.database()
    done = move(data, "--to", url)
    assert done.returncode == 0 and "moved and compared: " in done.stdout, done.stderr
    assert open(f"{data}/system/store.db", "rb").read() == files
    look()
    assert move(data, "--to", "files").returncode == 65         # the old ones are still there
    for old in ("system", "tenants/1", "tenants/2"):
        os.rename(f"{data}/{old}/store.db", f"{data}/{old}/store.db.old")
    done = move(data, "--to", "files", lang="zh")
    assert done.returncode == 0 and "已迁移并核对：" in done.stdout, done.stderr
    assert not os.path.exists(f"{data}/STORE")
    look()
    again = move(data, "--to", url)
    assert again.returncode == 65 and "a record store with schema tenon_system exists already" in again.stderr
    look()
    for wrong in (["--to", "files"], ["--to", "mysql://x/y"], ["--to", "postgresql://u:secret@h/d"]):
        assert move(data, *wrong).returncode == 78
    assert move(data).returncode == 64
    assert move(f"{data}/nowhere", "--to", url).returncode == 66


def test_a_backup_is_refused_at_once_with_what_makes_one_here(server, data):
    p = tenon.Platform(data, "--store", server.database())
    p.token = p.sign_in()
    status, _, problem = p.call("POST", "/api/v1/backups", {})
    assert (status, problem["detail"]) == (415, "the backup PostgreSQL is not supported; supported: pg_dump"), problem
    assert p.call("GET", "/api/v1/backups")[2]["items"] == [] and p.call("GET", "/api/v1/jobs")[2]["items"] == []
    assert p.close() == 0
