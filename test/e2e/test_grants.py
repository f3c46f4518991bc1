"""Rights with place and time. What a grant gives is what RFC 3339 times, ISA-95 places and the calendar of this machine say it is."""
import datetime
import io
import time

import openpyxl
import pytest

import live
import people
import tenon

BASE = "/api/v1"


@pytest.fixture(scope="module")
def p(platform):
    platform.token = platform.sign_in()
    platform.north, platform.south = people.plant(platform, "north"), people.plant(platform, "south")
    for where in (platform.north, platform.south):
        assert people.write(platform, where["path"], 1)[0] == 204
    return platform


def token(p, name, **grant):
    """A token that may nothing but what is granted."""
    t = p.make("tokens", name=name, role=people.role(p, "none"))
    g = p.make("grants", token=t["id"], role=people.role(p, grant.pop("role", "engineer")), **grant)
    return t["secret"], g["id"]


def rfc3339(seconds):
    return datetime.datetime.fromtimestamp(time.time() + seconds, datetime.timezone.utc).isoformat()


def test_who_was_granted_nothing_may_nothing(p):
    secret = p.make("tokens", name="nothing", role=people.role(p, "none"))["secret"]
    for path in ("points", "places", "devices", "connections", "links", "values", "users", "audit", "status"):
        assert p.call("GET", f"{BASE}/{path}", token=secret)[0] == 403, path
    assert p.call("GET", f"{BASE}/session", token=secret)[2]["permissions"] == []


def test_a_right_in_a_place_reaches_what_lies_below_and_nothing_else(p):
    secret, _ = token(p, "north", place=p.north["place"])

    def get(path):
        return p.call("GET", f"{BASE}/{path}", token=secret)

    for noun, own, other in (("points", "point", "point"), ("devices", "device", "device"), ("groups", "group", "group"), ("places", "place", "place")):
        assert [r["id"] for r in get(noun)[2]["items"]] == [p.north[own]], noun
        assert get(f"{noun}?count=true")[2]["count"] == 1
        assert get(f"{noun}/{p.north[own]}")[0] == 200
        assert get(f"{noun}/{p.south[other]}")[0] == 404
    assert get("connections")[0] == 403         # they have no place
    assert {r["id"] for r in get("links")[2]["items"]} <= {p.north["device"], p.north["group"]}
    assert [v["path"] for v in get("values")[2]["items"]] == [p.north["path"]]
    assert p.call("GET", f"{BASE}/points", token=secret, headers={"Accept": "text/csv"})[2].count(b"\n") == 2
    book = openpyxl.load_workbook(io.BytesIO(p.call("GET", f"{BASE}/points?format=xlsx&fields=path", token=secret)[2])).active
    assert [row[0].value for row in book.iter_rows(min_row=2)] == [p.north["path"]]
    asked = {"points": [p.north["path"]], "from": "now-1h"}
    assert p.call("POST", f"{BASE}/query", asked, secret)[0] == 200
    for name in (p.south["path"], p.south["point"]):
        status, _, problem = p.call("POST", f"{BASE}/query", dict(asked, points=[p.north["path"], name]), secret)
        assert (status, problem["code"]) == (404, "missing")
    assert people.write(p, p.north["path"], 2, secret)[0] == 204
    assert people.write(p, p.south["path"], 2, secret)[0] == 403
    assert people.write(p, "south/press/unheard", 2, secret)[0] == 403


def test_lines_that_somebody_else_taught_the_order_of_are_written_only_where_one_may(p):
    """The platform remembers which line follows which; who may write in north alone sends the same lines."""
    lines = [p.north["path"], p.south["path"]]
    body = lambda at, n, paths: "\n".join(f"{path.rsplit('/', 1)[0]} temp={n + i} {at + i}" for i in range(3) for path in paths)  # noqa: E731
    at, head = int(time.time()) - 3000, {"Content-Type": "text/plain"}
    secret, _ = token(p, "sends north", place=p.north["place"])

    def send(n, paths, token=None):
        status, _, problem = p.call("POST", f"{BASE}/write?precision=s", body(at + 10 * n, 100 * n, paths), token, head)
        return status, problem["args"]["permission"] if status == 403 else None

    def values(path):
        return p.query([path], "now-1h", "now").get(path, {"v": []})["v"]
    assert [send(n, lines) for n in range(3)] == [(204, None)] * 3
    assert send(3, lines, secret) == (403, "sample.write")
    assert send(4, lines[:1], secret) == (204, None) and send(5, lines[:1], secret) == (204, None)
    assert send(6, lines[1:], secret) == (403, "sample.write") and send(7, lines[::-1], secret) == (403, "sample.write")
    assert send(8, lines) == (204, None)
    tenon.wait_for(lambda: 802 in values(lines[1]) and 802 in values(lines[0]), 20, "the last line of all")
    assert [v for v in values(lines[0]) if v >= 3 and v not in (100, 101, 102)] == [200, 201, 202, 400, 401, 402, 500, 501, 502, 800, 801, 802]
    assert [v for v in values(lines[1]) if v >= 3 and v not in (100, 101, 102)] == [200, 201, 202, 800, 801, 802]


def test_what_is_changed_must_lie_there_before_and_after(p):
    secret, _ = token(p, "changer", place=p.north["place"])

    def change(method, path, body=None):
        return p.call(method, f"{BASE}/{path}", body, secret)[0]

    assert change("PATCH", f"points/{p.north['point']}", {"name": "oven"}) == 200
    assert change("PATCH", f"points/{p.south['point']}", {"name": "oven"}) == 404
    assert change("DELETE", f"places/{p.south['place']}") == 404
    assert change("POST", "places", {"code": "top"}) == 403
    assert change("POST", "places", {"code": "line", "parent": p.north["place"]}) == 201
    assert change("POST", "devices", {"code": "new", "connection": p.north["connection"], "place": p.south["place"]}) == 403
    assert change("POST", "devices", {"code": "new", "connection": p.north["connection"]}) == 403
    assert change("POST", "devices", {"code": "new", "connection": p.north["connection"], "place": p.north["place"]}) == 201
    assert change("PATCH", f"devices/{p.north['device']}", {"place": p.south["place"]}) == 403
    csv = f"group,code,address,type\n{p.south['group']},mole,x,f64\n"
    status, _, problem = p.call("POST", f"{BASE}/points/import", csv, secret, {"Content-Type": "text/csv"})
    assert status == 422 and problem["errors"][0]["code"] == "denied", problem
    assert p.call("GET", f"{BASE}/points?code=mole")[2]["items"] == []


def test_a_list_is_imported_where_it_may_be(p):
    secret, _ = token(p, "lists of north", place=p.north["place"])
    rows = "id,name\n{},from a list\n"
    for as_job in ("", "?job=true"):
        def send(text):
            status, _, done = p.call("POST", f"{BASE}/points/import{as_job}", text, secret, {"Content-Type": "text/csv"})
            if not as_job:
                return status == 200
            assert status == 202, done
            return tenon.wait_for(lambda: (lambda j: j if j["state"] not in ("queued", "running") else None)(
                p.call("GET", f"{BASE}/jobs/{done['id']}", token=secret)[2]), what="the end")["state"] == "done"
        assert send(rows.format(p.north["point"])) and not send(rows.format(p.south["point"]))
    assert p.call("GET", f"{BASE}/points/{p.north['point']}")[2]["name"] == "from a list"
    assert p.call("GET", f"{BASE}/points/{p.south['point']}")[2].get("name") != "from a list"


def test_a_live_socket_follows_rights_and_places(p):
    secret, grant = token(p, "screen", place=p.north["place"], role="viewer")
    socket = live.Live(p.url, timeout=20)
    socket.hello(secret)
    socket.send(op="subscribe", id="all", path="")
    assert socket.until("subscribed")["points"] == [p.north["point"]]
    socket.send(op="subscribe", id="one", points=[p.south["point"], p.north["point"]])
    assert socket.until("subscribed")["points"] == [p.north["point"]]
    socket.send(op="unsubscribe", id="one")
    try:        # a machine moves: what is there is seen, what is not there any more is not
        assert p.call("PATCH", f"{BASE}/devices/{p.south['device']}", {"place": p.north["place"], "code": "guest"})[0] == 200
        assert set(socket.until("subscribed")["points"]) == {p.north["point"], p.south["point"]}
    finally:
        assert p.call("PATCH", f"{BASE}/devices/{p.south['device']}", {"place": p.south["place"], "code": "press"})[0] == 200
    assert socket.until("subscribed")["points"] == [p.north["point"]]
    assert p.call("PATCH", f"{BASE}/grants/{grant}", {"place": p.south["place"]})[0] == 200
    assert socket.until("subscribed")["points"] == [p.south["point"]]
    assert p.call("DELETE", f"{BASE}/grants/{grant}")[0] == 204
    with pytest.raises(live.Closed) as e:
        while True:
            socket.receive()
    assert e.value.args[0] == 4401


def test_a_grant_ends_by_itself_on_a_running_socket_too(p):
    secret, _ = token(p, "visitor", place=p.north["place"], role="viewer", until=rfc3339(3))
    socket = live.Live(p.url, timeout=20)
    socket.hello(secret)
    assert p.call("GET", f"{BASE}/points", token=secret)[0] == 200
    with pytest.raises(live.Closed) as e:
        while True:
            socket.receive()
    assert e.value.args[0] == 4401
    assert p.call("GET", f"{BASE}/points", token=secret)[0] == 403


def test_a_grant_of_the_future_gives_nothing_yet(p):
    secret, grant = token(p, "tomorrow", **{"from": rfc3339(86400)})
    assert p.call("GET", f"{BASE}/points", token=secret)[0] == 403
    assert p.call("PATCH", f"{BASE}/grants/{grant}", {"from": rfc3339(-60)})[0] == 200
    assert p.call("GET", f"{BASE}/points", token=secret)[0] == 200


def test_hours_and_days_of_the_week_are_those_of_this_machine(p):
    secret, grant = token(p, "shift")

    def may(**when):
        assert p.call("PATCH", f"{BASE}/grants/{grant}", {"days": [], "hour_from": None, "hour_until": None, **when})[0] == 200
        return p.call("GET", f"{BASE}/points", token=secret)[0] == 200

    def hour(shift):
        return f"{(datetime.datetime.now().hour + shift) % 24:02d}:00"

    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    # From two hours before to two hours after: over midnight it belongs to the day on which it began.
    began = (datetime.datetime.now() - datetime.timedelta(hours=2)).weekday()
    assert may(hour_from=hour(-2), hour_until=hour(3))
    assert may(hour_from=hour(-2), hour_until=hour(3), days=[days[began]])
    assert not may(hour_from=hour(-2), hour_until=hour(3), days=[days[(began + 3) % 7]])
    assert not may(hour_from=hour(4), hour_until=hour(6))
    assert may(days=days)
    assert not may(days=[days[(datetime.datetime.now().weekday() + 3) % 7]])


@pytest.mark.parametrize("wrong,field", [
    ({"user": None}, "token"), ({"hour_from": "08:00"}, "hour_until"), ({"hour_from": "25:00", "hour_until": "26:00"}, "hour_from"),
    ({"from": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "until"), ({"place": "01a20000-0000-7000-8000-000000000000"}, "place"),
    ({"user": "01a20000-0000-7000-8000-000000000000"}, "user"), ({"role": "01a20000-0000-7000-8000-000000000000"}, "role"),
])
def test_a_wrong_grant_is_named_by_its_field(p, wrong, field):
    name = "wronged" + str(abs(hash(str(wrong))))[:8]
    grant = {"user": people.user(p, name, "viewer"), "role": people.role(p, "viewer"), **wrong}
    status, _, problem = p.call("POST", f"{BASE}/grants", {k: v for k, v in grant.items() if v})
    assert status == 422 and problem["errors"][0]["pointer"] == f"/{field}", problem


def test_nobody_grants_what_he_has_not_and_places_give_no_rights_over_people(p):
    hr = p.make("roles", name="giver", permissions=["user.read", "role.write"])
    secret = p.make("tokens", name="giver", role=hr["id"])["secret"]
    eve = people.user(p, "eve", "none")
    status, _, problem = p.call("POST", f"{BASE}/grants", {"user": eve, "role": people.role(p, "viewer")}, secret)
    assert (status, problem["code"]) == (403, "denied")
    secret, _ = token(p, "local", place=p.north["place"], role="administrator")
    assert p.call("GET", f"{BASE}/points", token=secret)[0] == 200
    for path in ("users", "audit", "tokens", "tenants", "status"):
        assert p.call("GET", f"{BASE}/{path}", token=secret)[0] == 403, path


def test_a_place_above_that_moves_takes_the_right_along(p):
    site = p.make("places", code="site")["id"]
    secret, _ = token(p, "site", place=site)
    assert p.call("GET", f"{BASE}/points", token=secret)[2]["items"] == []
    assert p.call("PATCH", f"{BASE}/places/{p.south['place']}", {"parent": site})[0] == 200
    assert [r["id"] for r in p.call("GET", f"{BASE}/points", token=secret)[2]["items"]] == [p.south["point"]]
    assert p.call("POST", f"{BASE}/query", {"points": ["site/south/press/temp"], "from": "now-1h"}, secret)[0] == 200
    assert p.call("PATCH", f"{BASE}/places/{p.south['place']}", {"parent": None})[0] == 200
    assert p.call("POST", f"{BASE}/query", {"points": [p.south["point"]], "from": "now-1h"}, secret)[0] == 404


def test_whoever_reaches_beyond_is_in_the_audit(p):
    """Rights over other people, and what may be seen in a place and not changed there."""
    clerk = p.make("roles", name="clerk", permissions=["user.read", "user.write", "role.write", "command.send"])
    t = p.make("tokens", name="clerk", role=clerk["id"])
    p.make("grants", token=t["id"], role=people.role(p, "viewer"))
    p.make("grants", token=t["id"], role=people.role(p, "engineer"), place=p.north["place"])
    onlooker = p.make("tokens", name="onlooker", role=people.role(p, "none"))
    p.make("grants", token=onlooker["id"], role=people.role(p, "viewer"))
    p.make("grants", token=onlooker["id"], role=people.role(p, "engineer"), place=p.north["place"])
    for secret, method, path, body in (
            (t["secret"], "POST", "grants", {"token": t["id"], "role": people.role(p, "administrator")}),
            (t["secret"], "PATCH", f"points/{p.south['point']}", {"name": "his"}),
            (onlooker["secret"], "POST", f"points/{p.south['point']}/command", {"value": 1})):
        status, _, problem = p.call(method, f"{BASE}/{path}", body, secret)
        assert (status, problem["code"]) == (403, "denied"), problem
    told = [(e["name"], e["deed"]) for e in p.call("GET", f"{BASE}/audit?outcome=denied&limit=1000")[2]["items"]]
    for entry in (("clerk", "grant.create"), ("clerk", "point.patch"), ("onlooker", "point.command")):
        assert told.count(entry) == 1, (entry, told)


def test_an_empty_patch_changes_nothing(p):
    status, head, before = p.call("GET", f"{BASE}/points/{p.north['point']}")
    last = p.call("GET", f"{BASE}/audit?limit=1")[2]["items"][0]["seq"]
    for body in ({}, {"code": before["code"]}):
        status, again, after = p.call("PATCH", f"{BASE}/points/{p.north['point']}", body)
        assert status == 200 and after == before and again["ETag"] == head["ETag"]
    assert p.call("GET", f"{BASE}/audit?limit=1")[2]["items"][0]["seq"] == last


def test_tokens_are_not_imported(p):
    status, _, problem = p.call("POST", f"{BASE}/tokens/import", "name,role\nfile,viewer\n", headers={"Content-Type": "text/csv"})
    assert status == 415 and problem["args"]["words"] == "create", problem
    assert p.call("GET", f"{BASE}/tokens?name=file")[2]["items"] == []


def test_figures_of_the_platform_are_not_a_tenants(p):
    there = p.make("tenants", code="guest")
    assert p.call("POST", f"{BASE}/tenants/{there['id']}/users", {"name": "guest", "password": "ten letters"})[0] == 201
    guest = people.Person(p, "guest", "ten letters")
    status = guest("GET", f"{BASE}/status")[2]
    assert "counts" in status and not {"log", "history", "queues", "requests"} & set(status)
    assert guest("GET", f"{BASE}/audit/verify")[2]["whole"] is True
    assert guest("GET", f"{BASE}/audit/verify?store=system")[0] == 403
    assert "log" in p.call("GET", f"{BASE}/status")[2]
    assert guest("GET", "/metrics")[0] == 403 and p.call("GET", "/metrics", headers={"Accept": "text/plain"})[0] == 200
