"""Peer: the operating system's kill(2). The platform is killed (-9) while people make, change and delete records; after each restart what was
acknowledged is there, the audit tells of it, its chain is whole, and the points in memory are those of the store."""
import http.client
import json
import random
import shutil
import signal
import tempfile
import threading
import time

import tenon

KILLS, CLIENTS = 3, 3


def work(url, token, client, made, stop):
    """Makes, renames and deletes places until the server dies; what was acknowledged is noted: id -> name, None = deleted."""
    conn = http.client.HTTPConnection(url.split("//")[1], timeout=20)
    n = len(made)

    def call(method, path, body=None):
        conn.request(method, "/api/v1" + path, json.dumps(body) if body else None,
                     {"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
        answer = conn.getresponse()
        return answer.status, answer.read()
    try:
        while not stop.is_set():
            n += 1
            status, body = call("POST", "/places", {"code": f"{client}-{n}", "name": "new"})
            assert status == 201, body
            place = json.loads(body)["id"]
            made[place] = "new"
            for method, body, name in (("PATCH", {"name": "renamed"}, "renamed"), ("DELETE", None, None)):
                if n % 3 == 0 or (n % 3 == 1 and method == "PATCH"):
                    made[place] = ...               # under way: may or may not have happened
                    assert call(method, f"/places/{place}", body)[0] in (200, 204)
                    made[place] = name
    except (OSError, http.client.HTTPException):
        return


def test_records_survive_kill():
    data = tempfile.mkdtemp(prefix="tenon-")
    made, rng = [{} for _ in range(CLIENTS)], random.Random(11)
    p = tenon.Platform(data)
    token = p.token = p.sign_in()
    try:
        for _ in range(KILLS):
            stop, before = threading.Event(), [len(m) for m in made]
            threads = [threading.Thread(target=work, args=(p.url, token, i, made[i], stop)) for i in range(CLIENTS)]
            for t in threads:
                t.start()
            tenon.wait_for(lambda: all(len(m) > b + 5 for m, b in zip(made, before)), 30, "records are made")
            time.sleep(rng.uniform(0, 0.3))         # the instant is what is random
            p.stop(signal.SIGKILL)
            stop.set()
            for t in threads:
                t.join()
            p = tenon.Platform(data)
            p.token = token
            for place, name in ((k, v) for m in made for k, v in m.items() if v is not ...):
                status, _, body = p.call("GET", f"/api/v1/places/{place}")
                assert (status, body.get("name")) == ((200, name) if name else (404, None)), (place, name, body)
            for store in ("tenant", "system"):
                verdict = p.call("GET", f"/api/v1/audit/verify?store={store}")[2]
                assert verdict["whole"], verdict
        assert p.stop() == 0
    finally:
        p.stop()
        shutil.rmtree(data, ignore_errors=True)
