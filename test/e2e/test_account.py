"""One's own account: password, sessions, lock-out; and the link for who lost the password."""
import concurrent.futures
import re
import subprocess

import pytest

import people
import tenon

BASE = "/api/v1"


@pytest.fixture(scope="module")
def p(platform):
    platform.token = platform.sign_in()
    return platform


def sign_in(p, name, password):
    return p.call("POST", f"{BASE}/session", {"name": name, "password": password}, "-", {"Authorization": None})


def test_a_password_of_somebody_else_opens_nothing_but_the_choice_of_ones_own(p):
    people.user(p, "fresh", "viewer")
    status, head, who = sign_in(p, "fresh", "ten letters")
    assert status == 201 and who["password_due"] is True and who["permissions"] == []
    headers = {"Authorization": None, "Cookie": head["Set-Cookie"].split(";")[0], "X-CSRF-Token": who["csrf"]}
    status, _, problem = p.call("GET", f"{BASE}/points", token="-", headers=headers)
    assert (status, problem["code"]) == (403, "password_due")
    for password, code in (("short", "length"), ("ten letters", "weak_password"), ("Password1234", "weak_password"), ("1234567890", "weak_password"),
                           ("aaaaaaaaaaaa", "weak_password"), ("is FRESH tea", "weak_password")):
        status, _, problem = p.call("PUT", f"{BASE}/session/password", {"old": "ten letters", "password": password}, "-", headers)
        assert status == 422 and problem["errors"][0]["code"] == code and password not in str(problem), (password, problem)
    wrong = p.call("PUT", f"{BASE}/session/password", {"old": "no letters", "password": "pump station 7"}, "-", headers)
    assert wrong[0] == 401
    assert p.call("PUT", f"{BASE}/session/password", {"old": "ten letters", "password": "pump station 7"}, "-", headers)[0] == 204
    assert p.call("GET", f"{BASE}/points", token="-", headers=headers)[0] == 200      # the same session, now with its rights
    assert sign_in(p, "fresh", "ten letters")[0] == 401


def test_older_passwords_are_refused(p):
    me = people.person(p, "again", "viewer")
    used = ["ten letters", me.password]
    for fresh in ("valve number one",):
        for old in used:
            assert me("PUT", f"{BASE}/session/password", {"old": used[-1], "password": old})[2]["errors"][0]["args"]["rule"] == "password_used"
        assert me("PUT", f"{BASE}/session/password", {"old": used[-1], "password": fresh})[0] == 204
        used.append(fresh)


def test_of_many_changes_from_one_password_one_is_made(p):
    """What is compared with the old password is what is replaced: the others come too late, as after somebody's reset."""
    anna = people.person(p, "anna", "viewer")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda i: anna("PUT", f"{BASE}/session/password", {"old": anna.password, "password": f"pump station no {i}"})[0], range(4)))
    assert sorted(made) == [204] + [401] * 3
    assert sign_in(p, "anna", f"pump station no {made.index(204)}")[0] == 201


def test_sessions_are_listed_and_ended(p):
    one = people.person(p, "many", "viewer")
    two, three = (people.Person(p, "many", one.password, agent) for agent in ("phone/2", "tablet/3"))
    listed = two("GET", f"{BASE}/sessions")[2]["items"]
    assert {s["agent"] for s in listed} == {"test/1.0", "phone/2", "tablet/3"} and {s["peer"] for s in listed} == {"127.0.0.1"}
    assert [s["agent"] for s in listed if s["current"]] == ["phone/2"]
    tablet = next(s["id"] for s in listed if s["agent"] == "tablet/3")
    assert two("DELETE", f"{BASE}/sessions/{tablet}")[0] == 204
    assert three("GET", f"{BASE}/points")[0] == 401 and one("GET", f"{BASE}/points")[0] == 200
    stranger = people.person(p, "nosy", "viewer")
    mine = two("GET", f"{BASE}/sessions")[2]["items"][0]["id"]
    assert stranger("DELETE", f"{BASE}/sessions/{mine}")[0] == 404
    assert stranger("GET", f"{BASE}/users/{two.who['principal']['id']}/sessions")[0] == 403
    assert two("DELETE", f"{BASE}/sessions")[0] == 204
    assert one("GET", f"{BASE}/points")[0] == 401 and two("GET", f"{BASE}/points")[0] == 200
    # An administrator looks and ends them, too.
    user = two.who["principal"]["id"]
    assert len(p.call("GET", f"{BASE}/users/{user}/sessions")[2]["items"]) == 1
    assert p.call("DELETE", f"{BASE}/users/{user}/sessions")[0] == 204
    assert two("GET", f"{BASE}/points")[0] == 401


def test_a_name_is_locked_says_nothing_and_is_let_in_again(p):
    people.person(p, "locked", "viewer")
    assert p.call("PATCH", f"{BASE}/sign-in-rules", {"tries": 20, "tries_name": 3})[0] == 200
    try:
        for name in ("locked", "nobody at all"):
            answers = [sign_in(p, name, f"guess number {i}") for i in range(4)]
            assert [a[0] for a in answers] == [401, 401, 401, 429], name
            assert answers[0][2]["detail"] == "user name or password is wrong" and int(answers[3][1]["Retry-After"]) > 60
        user = p.call("GET", f"{BASE}/users?name=locked")[2]["items"][0]["id"]
        assert sign_in(p, "locked", "ten letters, mine")[0] == 429
        assert p.call("POST", f"{BASE}/users/{user}/unlock")[0] == 204
        assert sign_in(p, "locked", "ten letters, mine")[0] == 201
    finally:
        assert p.call("PATCH", f"{BASE}/sign-in-rules", {"tries": 5, "tries_name": 10})[0] == 200
    status, _, problem = p.call("PATCH", f"{BASE}/sign-in-rules", {"tries": 0, "colour": "red"})
    assert status == 422 and len(problem["errors"]) == 2


def link(p, name):
    return subprocess.run([tenon.PROGRAM, "user", "link", name, "--data", p.data], capture_output=True, text=True)


def test_a_lost_password_is_replaced_by_a_link_that_works_once(p):
    me = people.person(p, "lost", "viewer")
    older, made = link(p, "lost"), link(p, "lost")
    assert made.returncode == 0, made.stderr
    secret, gone = (re.search(r"/reset#(tnr_\w{49})", m.stdout).group(1) for m in (made, older))

    def reset(token, password):
        return p.call("POST", f"{BASE}/session/reset", {"token": token, "password": password}, "-", {"Authorization": None})

    for token in (gone, "tnr_guess", secret[:-1] + "x"):
        assert reset(token, "a quiet valve")[2]["code"] == "bad_link"
    assert reset(secret, "short")[0] == 422
    assert reset(secret, "a quiet valve")[0] == 204
    assert reset(secret, "a loud valve, too")[2]["code"] == "bad_link"
    assert me("GET", f"{BASE}/points")[0] == 401        # who sat there is out
    assert sign_in(p, "lost", "a quiet valve")[2]["password_due"] is False
    deeds = [e["deed"] for e in p.call("GET", f"{BASE}/audit?store=system&limit=100")[2]["items"]]
    assert deeds.count("user.link") == 2 and "user.reset_password" in deeds
    assert link(p, "nobody at all").returncode == 66
