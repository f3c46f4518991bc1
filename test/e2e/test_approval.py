"""Three administrators who are different people (三员分立, GB/T 22239-2019, 8.1.5), and deeds that need a second person."""
import os
import sqlite3

import pytest

import people

BASE = "/api/v1"


@pytest.fixture(scope="module")
def p(platform):
    p = platform
    p.token = p.sign_in()
    p.boss = people.person(p, "boss", "administrator")
    return p


def refused(answer, code, status=None):
    assert answer[2]["code"] == code, answer[2]
    assert status is None or answer[0] == status
    return answer[2]


def test_nobody_is_two_of_the_three(p):
    roles = {name: people.role(p, name) for name in ("system_administrator", "security_administrator", "audit_administrator", "viewer")}
    ann = people.user(p, "two hats", "audit_administrator")
    problem = refused(p.call("POST", f"{BASE}/grants", {"user": ann, "role": roles["security_administrator"]}), "one_duty", 409)
    assert "different people" in problem["detail"]
    assert p.call("POST", f"{BASE}/grants", {"user": ann, "role": roles["viewer"]})[0] == 201
    bob = people.user(p, "other hat", "viewer")
    p.make("grants", user=bob, role=roles["system_administrator"])
    refused(p.call("PATCH", f"{BASE}/users/{bob}", {"role": roles["audit_administrator"]}), "one_duty", 409)
    for user in (ann, bob):
        assert p.call("DELETE", f"{BASE}/users/{user}")[0] == 204


def test_who_separates_gives_nobody_what_he_has_not(p):
    """A role of one's own with user.write and role.write is no way to the rights of the three administrators."""
    p.make("roles", name="staff", permissions=["user.read", "user.write", "role.write"])
    staff = people.person(p, "staff", "staff")
    for name in ("pawn 1", "pawn 2"):
        people.user(p, name, "none")
    problem = refused(staff("PUT", f"{BASE}/separation", {"on": True, "system": "staff", "security": "pawn 1", "audit": "pawn 2"}), "denied", 403)
    assert problem["args"]["permission"] != "role.write"
    refused(staff("PUT", f"{BASE}/separation", {"on": True, "system": "pawn 1", "security": "pawn 2", "audit": "boss"}), "denied", 403)
    for name in ("staff", "pawn 1", "pawn 2"):
        user = p.call("GET", f"{BASE}/users?name={name.replace(' ', '%20')}")[2]["items"][0]["id"]
        assert p.call("DELETE", f"{BASE}/users/{user}")[0] == 204


@pytest.fixture(scope="module")
def three(p):
    """The installation, separated: three people, and no administrator besides."""
    for name in ("sys", "sec", "aud"):
        people.user(p, name, "none")
    on = {"on": True, "system": "sys", "security": "sec", "audit": "aud"}
    refused(p.boss("PUT", f"{BASE}/separation", dict(on, audit="sec")), "one_duty", 409)
    # Somebody with all rights is left: he is named, and nothing was changed.
    problem = refused(p.boss("PUT", f"{BASE}/separation", on), "one_duty", 409)
    assert problem["args"]["value"] in ("boss", "test")
    assert p.call("GET", f"{BASE}/separation")[2] == {"on": False}
    aud = people.Person(p, "aud", "ten letters")
    assert aud("GET", f"{BASE}/audit")[0] == 403
    boss = p.call("GET", f"{BASE}/users?name=boss")[2]["items"][0]["id"]
    for token in p.call("GET", f"{BASE}/tokens")[2]["items"]:
        if token["name"] != "test":
            p.call("DELETE", f"{BASE}/tokens/{token['id']}")
    # The boss becomes the system administrator; the token ends with its own revocation.
    on["system"] = "boss"
    test = p.call("GET", f"{BASE}/tokens?name=test")[2]["items"][0]["id"]
    assert p.boss("DELETE", f"{BASE}/tokens/{test}")[0] == 204
    assert p.boss("PUT", f"{BASE}/separation", on)[2] == {"on": True}
    assert boss
    system = people.Person(p, "boss", p.boss.password)
    return {"system": system, "security": people.Person(p, "sec", "ten letters"), "audit": people.Person(p, "aud", aud.password)}


def test_each_of_the_three_may_his_own_and_none_may_all(three):
    system, security, audit = three["system"], three["security"], three["audit"]
    assert system("GET", f"{BASE}/audit")[0] == 403 and security("GET", f"{BASE}/audit")[0] == 403
    assert audit("GET", f"{BASE}/audit?store=system")[0] == 200
    assert audit("POST", f"{BASE}/users", {"name": "x", "password": "ten letters"})[0] == 403
    assert security("POST", f"{BASE}/users", {"name": "x", "password": "ten letters"})[0] == 403
    assert system("POST", f"{BASE}/roles", {"name": "x"})[0] == 403
    assert "role.write" not in system.who["permissions"] and system.who["separated"] is True


def ask(person, method, path, body=None):
    status, head, answer = person(method, BASE + path, body)
    assert status == 202, answer
    assert head["Location"] == f"{BASE}/approvals/{answer['approval']['id']}"
    return answer["approval"]


def test_a_user_comes_to_be_when_a_second_person_agrees(p, three):
    system, security, audit = three["system"], three["security"], three["audit"]
    viewer = next(r["id"] for r in system("GET", f"{BASE}/roles")[2]["items"] if r["name"] == "viewer")
    secret = "a secret of hers"
    a = ask(system, "POST", "/users", {"name": "dora", "password": secret, "role": viewer})
    assert a["state"] == "pending" and a["asker_name"] == "boss" and a["own"] is True and a["may_decide"] is False
    assert a["changes"]["changes"][0]["after"]["name"] == "dora" and secret not in str(a)
    assert system("GET", f"{BASE}/users?name=dora")[2]["items"] == []
    refused(system("POST", f"{BASE}/approvals/{a['id']}/approve", {}), "same_person", 403)
    assert audit("POST", f"{BASE}/approvals/{a['id']}/approve", {})[0] == 404
    mine = [i for i in security("GET", f"{BASE}/approvals?state=pending")[2]["items"] if i["may_decide"]]
    assert [i["id"] for i in mine] == [a["id"]]
    status, _, done = security("POST", f"{BASE}/approvals/{a['id']}/approve", {"note": "seen"})
    assert status == 200 and done["state"] == "done" and done["decider_name"] == "sec" and done["note"] == "seen", done
    assert len(system("GET", f"{BASE}/users?name=dora")[2]["items"]) == 1
    refused(security("POST", f"{BASE}/approvals/{a['id']}/approve", {}), "conflict", 409)
    people.Person(p, "dora", secret)        # the secret came through, sealed
    # One entry tells of the deed and names both.
    entries = [e for e in audit("GET", f"{BASE}/audit?store=system&deed=user.create")[2]["items"] if e["name"] == "boss"]
    assert len(entries) == 1
    both = {k: v for change in entries[0]["changes"]["changes"] for k, v in change.items()}
    assert both["approved_by"] == "sec"
    assert secret not in str(audit("GET", f"{BASE}/audit?store=system&limit=1000")[2])


def test_there_is_no_side_door_for_users(p, three):
    """POST /tenants/{id}/users asks no second person: it is no way into a tenant that wants one."""
    system = three["system"]
    home = system("GET", f"{BASE}/session")[2]["tenant"]["id"]
    fay = {"name": "fay", "password": "ten letters", "role": "none"}
    assert system("POST", f"{BASE}/tenants/{home}/users", fay)[0] == 403
    assert system("GET", f"{BASE}/users?name=fay")[2]["items"] == []


def test_what_is_refused_or_taken_back_does_not_happen(three):
    system, security = three["system"], three["security"]
    a = ask(security, "POST", "/roles", {"name": "night", "permissions": ["point.read"]})
    status, _, no = system("POST", f"{BASE}/approvals/{a['id']}/refuse", {"note": "why?"})
    assert status == 200 and no["state"] == "refused"
    b = ask(security, "POST", "/roles", {"name": "night", "permissions": ["point.read"]})
    assert system("DELETE", f"{BASE}/approvals/{b['id']}")[0] == 403
    assert security("DELETE", f"{BASE}/approvals/{b['id']}")[2]["state"] == "withdrawn"
    refused(system("POST", f"{BASE}/approvals/{b['id']}/approve", {}), "conflict", 409)
    assert [r for r in system("GET", f"{BASE}/roles")[2]["items"] if r["name"] == "night"] == []


def test_what_cannot_be_done_is_said_at_once_or_when_it_fails(three):
    system, security = three["system"], three["security"]
    assert system("POST", f"{BASE}/users", {"name": "kurt", "password": "short"})[0] == 422
    both = {"name": "both", "permissions": ["user.write", "role.write"]}
    a = ask(security, "POST", "/roles", both)
    assert system("POST", f"{BASE}/approvals/{a['id']}/approve", {})[2]["state"] == "done"
    role = next(r["id"] for r in system("GET", f"{BASE}/roles")[2]["items"] if r["name"] == "both")
    refused(system("POST", f"{BASE}/users", {"name": "kurt", "password": "ten letters", "role": role}), "one_duty", 409)
    first = ask(security, "POST", "/roles", {"name": "twice"})
    second = ask(security, "POST", "/roles", {"name": "twice"})
    assert system("POST", f"{BASE}/approvals/{first['id']}/approve", {})[2]["state"] == "done"
    failed = system("POST", f"{BASE}/approvals/{second['id']}/approve", {})[2]
    assert failed["state"] == "failed" and "twice" in failed["outcome"]


def test_what_is_agreed_to_is_what_was_seen(three):
    system, security = three["system"], three["security"]
    a = ask(security, "POST", "/roles", {"name": "moving"})
    assert system("POST", f"{BASE}/approvals/{a['id']}/approve", {})[2]["state"] == "done"
    role = system("GET", f"{BASE}/roles?name=moving")[2]["items"][0]["id"]
    first = ask(security, "PATCH", f"/roles/{role}", {"permissions": ["point.read"]})
    second = ask(security, "PATCH", f"/roles/{role}", {"title": "of the night"})
    third = ask(security, "DELETE", f"/roles/{role}", None)
    assert system("POST", f"{BASE}/approvals/{first['id']}/approve", {})[2]["state"] == "done"
    for late in (second, third):
        failed = system("POST", f"{BASE}/approvals/{late['id']}/approve", {})[2]
        assert failed["state"] == "failed" and "revision" in failed["outcome"], failed
    assert system("GET", f"{BASE}/roles/{role}")[2]["permissions"] == ["point.read"]
    again = ask(security, "DELETE", f"/roles/{role}", None)
    assert system("POST", f"{BASE}/approvals/{again['id']}/approve", {})[2]["state"] == "done"


def test_what_was_decided_leaves_no_secret_behind(p, three):
    """The body of what waits is sealed in the store, and gone when it was decided."""
    if os.path.exists(f"{p.data}/STORE"):
        return
    waits = ask(three["system"], "POST", "/users", {"name": "gil", "password": "ten letters", "role": next(r["id"] for r in three["system"]("GET", f"{BASE}/roles")[2]["items"] if r["name"] == "none")})
    with sqlite3.connect(f"{p.data}/system/store.db") as db:
        rows = dict(db.execute("SELECT state, max(coalesce(length(body), 0)) FROM approvals GROUP BY state"))
    db.close()
    assert rows.pop("pending") > 0 and {"done", "refused", "withdrawn", "failed"} <= set(rows) and set(rows.values()) == {0}, rows
    assert three["system"]("DELETE", f"{BASE}/approvals/{waits['id']}")[0] == 200


def test_what_nobody_decided_in_time_expires_and_leaves_no_secret_either(p, three):
    if os.path.exists(f"{p.data}/STORE"):
        return
    none = next(r["id"] for r in three["system"]("GET", f"{BASE}/roles")[2]["items"] if r["name"] == "none")
    late = ask(three["system"], "POST", "/users", {"name": "hal", "password": "ten letters", "role": none})
    with sqlite3.connect(f"{p.data}/system/store.db") as db:
        assert db.execute("UPDATE approvals SET expires = expires - 2 * 86400 * 1000000000 WHERE state = 'pending'").rowcount == 1
    db.close()
    assert three["system"]("GET", f"{BASE}/approvals/{late['id']}")[2]["state"] == "expired"
    refused(three["security"]("POST", f"{BASE}/approvals/{late['id']}/approve", {}), "conflict", 409)
    expired = [a["id"] for a in three["system"]("GET", f"{BASE}/approvals?state=expired")[2]["items"]]
    assert expired == [late["id"]]
    again = ask(three["system"], "POST", "/users", {"name": "hal", "password": "ten letters", "role": none})     # who asks writes it down
    with sqlite3.connect(f"{p.data}/system/store.db") as db:
        assert db.execute("SELECT max(coalesce(length(body), 0)) FROM approvals WHERE state = 'expired'").fetchone() == (0,)
    db.close()
    assert three["system"]("DELETE", f"{BASE}/approvals/{again['id']}")[0] == 200


def test_an_empty_change_needs_nobody(three):
    system = three["system"]
    dora = system("GET", f"{BASE}/users?name=dora")[2]["items"][0]
    assert system("PATCH", f"{BASE}/users/{dora['id']}", {})[0] == 200


def test_turning_it_off_needs_a_second_person_too(p, three):
    system, security = three["system"], three["security"]
    a = ask(system, "PUT", "/separation", {"on": False, "administrator": "boss"})
    assert security("POST", f"{BASE}/approvals/{a['id']}/approve", {})[2]["state"] == "done"
    boss = people.Person(p, "boss", system.password)
    assert boss("GET", f"{BASE}/separation")[2] == {"on": False}
    assert boss("GET", f"{BASE}/audit/verify?store=system")[2]["whole"] is True
    assert boss("POST", f"{BASE}/roles", {"name": "alone"})[0] == 201
