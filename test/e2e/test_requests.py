"""Requests sent twice, packed, traced. Standards: RFC 9110 (codings), W3C Trace Context, draft-ietf-httpapi-idempotency-key-header."""
import gzip
import json
import os
import sqlite3
import threading

import pytest

import tenon

PLACES, ROLES = "/api/v1/places", "/api/v1/roles"


@pytest.fixture(scope="module")
def p(platform):
    platform.token = platform.sign_in(name="requests")
    return platform


def post(p, body, key, path=PLACES, method="POST", **headers):
    return p.call(method, path, body, headers={"Idempotency-Key": key, **headers})


def test_a_request_sent_again_is_answered_again_and_done_once(p):
    first = post(p, {"name": "once"}, "a-1", ROLES)
    again = post(p, {"name": "once"}, "a-1", ROLES)
    assert first[0] == again[0] == 201 and first[2] == again[2]
    assert again[1]["Idempotency-Replayed"] == "true" and "Idempotency-Replayed" not in first[1]
    assert again[1]["Location"] == first[1]["Location"] and again[1]["ETag"] == first[1]["ETag"]
    assert p.call("GET", ROLES + "?name=once&count=true")[2]["count"] == 1
    status, _, problem = post(p, {"name": "other"}, "a-1", ROLES)
    assert (status, problem["code"]) == (422, "key_reused")
    assert post(p, {"name": "once"}, "a-2", ROLES)[0] == 409                       # another key is another request
    assert post(p, {"name": "once"}, "a-2", ROLES)[1]["Idempotency-Replayed"] == "true"    # a refusal of content is an answer, too
    other = p.sign_in(role="administrator", name="another")
    assert p.call("POST", ROLES, {"name": "once"}, token=other, headers={"Idempotency-Key": "a-1"})[0] == 409     # keys are each one's own


def test_every_changing_method_keeps_its_answer(p):
    made = post(p, {"code": "methods"}, "m-1")[2]
    path = f"{PLACES}/{made['id']}"
    one, two = (post(p, {"name": "A"}, "m-2", path, "PATCH") for _ in range(2))
    assert one[2] == two[2] and two[1]["Idempotency-Replayed"] == "true"
    one, two = (post(p, {"code": "methods", "name": "B"}, "m-3", path, "PUT") for _ in range(2))
    assert one[2]["rev"] == two[2]["rev"] == made["rev"] + 2
    assert [post(p, None, "m-4", path, "DELETE")[0] for _ in range(3)] == [204, 204, 204]
    assert p.call("DELETE", path)[0] == 404
    assert post(p, "again v=1 1\n", "m-5", "/api/v1/write", **{"Content-Type": "text/plain"})[0] == 204
    status, head, _ = post(p, "again v=1 1\n", "m-5", "/api/v1/write", **{"Content-Type": "text/plain"})
    assert status == 204 and head["Idempotency-Replayed"] == "true"
    assert post(p, {"code": "x"}, "not visible: \t")[0] == 400
    assert post(p, {"code": "x"}, "k" * 256)[0] == 400


def test_a_secret_is_said_once_also_when_asked_twice(p):
    role = p.call("GET", "/api/v1/roles?name=viewer")[2]["items"][0]["id"]
    first = post(p, {"name": "said-once", "role": role}, "s-1", "/api/v1/tokens")[2]
    again = post(p, {"name": "said-once", "role": role}, "s-1", "/api/v1/tokens")
    assert first.pop("secret").startswith("tnn_") and again[0] == 201 and again[2] == first


def test_what_is_kept_of_a_body_says_nothing_without_the_keys(tmp_path):
    """A password in a request is not to be tried out against what lies a day in the store: two installations keep different prints of one body."""
    kept = []
    for name in ("one", "other"):
        q = tenon.Platform(str(tmp_path / name))
        assert post(q, {"name": "kim", "password": "ten letters", "role": q.call("GET", ROLES + "?name=none")[2]["items"][0]["id"]}, "p-1", "/api/v1/users")[0] == 201
        assert [post(q, {}, "p-2", PLACES)[0] for _ in range(2)] == [422, 422]
        assert q.close() == 0
        if "STORE" not in os.listdir(tmp_path / name):
            with sqlite3.connect(tmp_path / name / "tenants" / "1" / "store.db") as db:
                kept.append(db.execute("SELECT request FROM kept_answers WHERE key = 'p-2'").fetchone()[0])
            db.close()
    assert len(set(kept)) == len(kept) and all(len(k) == 64 for k in kept), kept
    assert len({k[:16] for k in kept}) <= 1, "the row and its address are the same"


def test_the_same_at_the_same_time_is_done_once(p):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(post(p, {"code": "race"}, "r-1"))) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert {a[0] for a in answers} <= {201, 409} and 201 in {a[0] for a in answers}
    assert all(a[2]["code"] == ("race" if a[0] == 201 else "under_way") for a in answers), answers
    assert p.call("GET", PLACES + "?code=race&count=true")[2]["count"] == 1


def test_answers_outlive_a_restart(tmp_path):
    a = tenon.Platform(str(tmp_path / "data"))
    first = post(a, {"code": "kept"}, "over")
    a.child.kill()
    a.child.wait()
    b = tenon.Platform(str(tmp_path / "data"))
    b.token = a.token
    again = post(b, {"code": "kept"}, "over")
    assert again[0] == 201 and again[2] == first[2] and again[1]["Idempotency-Replayed"] == "true"
    b.close()


def test_a_packed_body_is_taken_and_a_bomb_is_not(p):
    lines = "".join(f"packed v={i} {1700000000 + i}\n" for i in range(2000)).encode()
    status, _, body = p.call("POST", "/api/v1/write?precision=s", gzip.compress(lines), headers={"Content-Type": "text/plain", "Content-Encoding": "gzip"})
    assert status == 204, body
    tenon.wait_for(lambda: len(p.query(["packed/v"], "2023-11-14T00:00:00Z", "2023-11-15T00:00:00Z")["packed/v"]["t"]) == 2000, 20, "the samples")
    body = gzip.compress(json.dumps({"code": "packed"}).encode())
    assert p.call("POST", PLACES, body, headers={"Content-Type": "application/json", "Content-Encoding": "gzip"})[0] == 201
    bomb = gzip.compress(b" " * (64 << 20))
    status, _, answer = p.call("POST", PLACES, bomb, headers={"Content-Type": "application/json", "Content-Encoding": "gzip"})
    assert (status, answer["code"]) == (413, "too_large") and len(bomb) < 100_000
    for wrong in (b"{}", body[:-9], body[:20]):
        status, _, answer = p.call("POST", PLACES, wrong, headers={"Content-Type": "application/json", "Content-Encoding": "gzip"})
        assert (status, answer["code"]) == (400, "bad_argument")
    status, head, _ = p.call("POST", PLACES, b"x", headers={"Content-Type": "application/json", "Content-Encoding": "br"})
    assert status == 415 and head["Accept-Encoding"] == "gzip, identity"


def test_a_trace_goes_through_the_answer_and_the_audit(p):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    status, head, made = p.call("POST", PLACES, {"code": "traced"}, headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    version, same, span, flags = head["traceparent"].split("-")
    assert (status, version, same, flags) == (201, "00", trace, "01") and span != "00f067aa0ba902b7"
    entries = p.call("GET", f"/api/v1/audit?trace={trace}")[2]["items"]
    assert [e["record"] for e in entries] == [made["id"]]
    assert p.call("GET", "/api/v1/audit/verify")[2]["whole"] is True
    assert p.call("GET", PLACES, headers={"traceparent": "00-xyz"})[1]["traceparent"] is None
