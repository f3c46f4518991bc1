"""The demonstration plant of serve --demo: its records, its faults over REST and CLI, seen where a visitor would see them."""
import json
import os
import subprocess

import pytest

import tenon
from tenon import PROGRAM, wait_for


@pytest.fixture(scope="module")
def demo():
    p = tenon.Platform(None, "--demo")
    yield p
    assert p.close() == 0, "".join(p.errors[-20:])


def faults(p):
    status, _, body = p.call("GET", "/api/v1/demo/faults")
    assert status == 200, body
    return {f["id"]: f for f in body["items"]}


def switch(p, fault, on, **more):
    status, _, body = p.call("PUT", f"/api/v1/demo/faults/{fault}", {"on": on}, **more)
    assert status == 200, body
    return body


def link_of(p, record):
    return p.call("GET", f"/api/v1/links/{record}")[2]


def value(p, path):
    items = p.call("GET", f"/api/v1/values?path={path}")[2]["items"]
    return items[0] if items else {"v": None, "state": "unknown"}


def is_up(p, device):
    return link_of(p, device).get("state") == "up"


def test_it_looks_like_a_small_plant(demo):
    places = {x["code"]: x for x in demo.call("GET", "/api/v1/places")[2]["items"]}
    assert set(places) == {"demo", "utilities", "power", "shop", "machining", "coating"}
    assert places["coating"]["parent"] == places["shop"]["id"] and places["coating"]["level"] == "line"
    devices = {x["code"]: x for x in demo.call("GET", "/api/v1/devices")[2]["items"]}
    assert set(devices) == {"pump-station", "oven-1", "cnc-1", "meter-main", "meter-pump", "meter-oven", "meter-cnc"}
    assert len({devices[d]["connection"] for d in devices if d.startswith("meter-")}) == 1
    for d in devices.values():
        wait_for(lambda: is_up(demo, d["id"]), what=d["code"])
    points = demo.call("GET", "/api/v1/points?limit=1000")[2]["items"]
    assert not [x["code"] for x in points if x["code"].startswith("FAULT-")]
    state = next(x for x in points if x["path"] == "demo/shop/machining/cnc-1/XS-300")
    assert set(state["state_texts"]) == {"0", "1", "2", "3", "4"}
    assert wait_for(lambda: value(demo, "demo/shop/machining/cnc-1/XS-300")["v"]) == 2
    counts = wait_for(lambda: (c := demo.call("GET", "/api/v1/values")[2]["counts"])["good"] == c["points"] and c)
    assert counts["points"] == len(points) > 150
    main = next(x for x in points if x["path"] == "demo/power/meter-main/U1")
    assert (main["limit_l"], main["limit_h"], main["unit"]) == (207, 242, "V")


def test_times_of_what_was_polled_are_whole_microseconds(demo):
    """Below that they are noise, which costs a byte a sample in files (measured: 1.01 of 3.87)."""
    def samples():
        series = demo.query(["demo/utilities/pump-station/PT-102"], "now-1h", "now").get("demo/utilities/pump-station/PT-102")
        return series if series and len(series["t"]) > 5 else None
    assert "ns" not in wait_for(samples, what="samples of the pump")


def test_the_platform_says_that_it_has_one(demo, platform):
    assert demo.call("GET", "/api/v1/session")[2]["demo"] is True
    assert demo.call("GET", "/api/v1/status")[2]["demo"] is True
    assert platform.call("GET", "/api/v1/session")[2]["demo"] is False
    for method, path, body in (("GET", "/api/v1/demo/faults", None), ("PUT", "/api/v1/demo/faults/oven-1.leak", {"on": True})):
        status, _, answer = platform.call(method, path, body, headers={"Accept-Language": "zh"})
        assert status == 404 and answer["code"] == "no_demo" and answer["title"] == "没有演示工厂" and "--demo" in answer["detail"] and "演示工厂" in answer["detail"]


def test_every_fault_says_where_to_look(demo):
    listed = faults(demo)
    points = {x["id"]: x for x in demo.call("GET", "/api/v1/points?limit=1000")[2]["items"]}
    kinds = {"leak", "fouling", "bearing", "noise", "slow", "wrong", "dead"}
    for machine in ("pump-station", "oven-1", "cnc-1"):
        assert {f["fault"] for f in listed.values() if f["machine"] == machine} == kinds
    for machine in ("meter-main", "meter-pump", "meter-oven", "meter-cnc"):
        assert {f["fault"] for f in listed.values() if f["machine"] == machine} == {"noise", "slow", "wrong", "dead"}
    for f in listed.values():
        assert not f["on"] and f["since"] is None and f["look"] and f["look_zh"] and f["title"] and f["title_zh"] and f["connection"]
        assert (len(f["points"]) > 0) == (f["where"] != "bus")
        assert all(points[i]["device"] == f["device"] for i in f["points"])


def test_a_dead_unit_turns_silent_alone_and_heals(demo):
    listed = faults(demo)
    oven, pump = listed["meter-oven.dead"]["device"], listed["meter-pump.dead"]["device"]
    wait_for(lambda: is_up(demo, oven))
    assert switch(demo, "meter-oven.dead", True)["on"]
    wait_for(lambda: link_of(demo, oven)["state"] in ("silent", "down"), what="the unit is silent")
    assert is_up(demo, pump)
    wait_for(lambda: value(demo, "demo/power/meter-oven/P")["state"] == "bad")
    assert value(demo, "demo/power/meter-pump/P")["state"] == "good"
    switch(demo, "meter-oven.dead", False)
    wait_for(lambda: is_up(demo, oven), 60, "the unit is heard again")
    wait_for(lambda: value(demo, "demo/power/meter-oven/P")["state"] == "good")


def test_a_slow_and_a_wrong_unit_show_in_their_link(demo):
    listed = faults(demo)
    oven, cnc = listed["oven-1.slow"], listed["cnc-1.wrong"]
    wait_for(lambda: is_up(demo, oven["device"]) and is_up(demo, cnc["device"]))
    groups = [g for g in demo.call("GET", "/api/v1/links")[2]["items"] if g["parent"] == oven["device"]]
    missed = sum(g["missed"] for g in groups)
    wrong = link_of(demo, cnc["device"])["wrong"]
    switch(demo, "oven-1.slow", True)
    switch(demo, "cnc-1.wrong", True)
    wait_for(lambda: link_of(demo, cnc["device"])["wrong"] > wrong, what="wrong answers are counted")
    wait_for(lambda: value(demo, "demo/shop/machining/cnc-1/ST-301")["state"] == "bad")
    # half a second's cycle and answers of 0.8 s: cycles are left out
    wait_for(lambda: sum(link_of(demo, g["id"])["missed"] for g in groups) > missed, what="cycles are missed")
    switch(demo, "oven-1.slow", False)
    switch(demo, "cnc-1.wrong", False)
    wait_for(lambda: value(demo, "demo/shop/machining/cnc-1/ST-301")["state"] == "good", 60)


def test_a_physical_fault_acts_and_one_switched_in_the_machine_is_seen(demo):
    switch(demo, "oven-1.bearing", True)
    wait_for(lambda: value(demo, "demo/shop/coating/oven-1/VT-201")["v"] > 4, what="the fans shake")
    switch(demo, "oven-1.bearing", False)
    wait_for(lambda: value(demo, "demo/shop/coating/oven-1/VT-201")["v"] < 2)
    assert not faults(demo)["oven-1.bearing"]["on"]


def test_it_takes_the_right_of_an_operator_and_is_audited(demo):
    reader, operator = demo.sign_in("viewer", "reads"), demo.sign_in("operator", "operates")
    status, _, answer = demo.call("PUT", "/api/v1/demo/faults/oven-1.noise", {"on": True}, token=reader)
    assert status == 403 and answer["code"] == "denied"
    assert demo.call("GET", "/api/v1/demo/faults", token=reader)[0] == 200
    since = switch(demo, "oven-1.noise", True, token=operator)["since"]
    assert switch(demo, "oven-1.noise", True, token=operator)["since"] == since         # it is on already
    assert not switch(demo, "oven-1.noise", False, token=operator)["on"]
    status, _, answer = demo.call("PUT", "/api/v1/demo/faults/oven-1.gremlins", {"on": True})
    assert status == 404 and "oven-1.gremlins" in answer["detail"]
    assert demo.call("PUT", "/api/v1/demo/faults/oven-1.noise", {})[0] == 422
    entries = demo.call("GET", "/api/v1/audit?deed=demo.fault&limit=1000")[2]["items"]
    mine = [e for e in entries if e["name"] == "operates"]
    assert [e["outcome"] for e in mine] == ["ok", "ok"]
    assert "oven-1.noise on" in json.dumps(mine[1]["changes"]) and "oven-1.noise off" in json.dumps(mine[0]["changes"])
    assert [e["outcome"] for e in entries if e["name"] == "reads"] == ["denied"]


def test_in_the_terminal(demo):
    env = {**os.environ, "TENON_SERVER": demo.url, "TENON_TOKEN": demo.sign_in(name="terminal"), "LC_ALL": "C.UTF-8"}

    def cli(*args):
        return subprocess.run([PROGRAM, "demo", "fault", *args], capture_output=True, text=True, env=env)
    listed = json.loads(cli("list", "--output", "json").stdout)
    assert len(listed) == len(faults(demo))
    done = cli("set", "cnc-1.noise", "on", "--output", "json")
    assert done.returncode == 0 and json.loads(done.stdout)["on"] is True
    assert faults(demo)["cnc-1.noise"]["on"]
    assert cli("set", "cnc-1.noise", "off").returncode == 0
    assert cli("set", "cnc-1.noise", "perhaps").returncode == 64 and cli("set", "cnc-1.x", "on").returncode == 66


def test_started_again_it_finds_its_records_and_keeps_what_was_changed(tmp_path):
    p = tenon.Platform(str(tmp_path / "data"), "--demo")
    n = p.call("GET", "/api/v1/points?limit=1&count=true")[2]["count"]
    oven = next(d for d in p.call("GET", "/api/v1/devices")[2]["items"] if d["code"] == "oven-1")
    assert p.call("PATCH", f"/api/v1/devices/{oven['id']}", {"name": "Großer Ofen"})[0] == 200
    assert p.close() == 0
    token, p = p.token, tenon.Platform(str(tmp_path / "data"), "--demo")
    p.token = token
    try:
        assert p.call("GET", "/api/v1/points?limit=1&count=true")[2]["count"] == n
        assert p.call("GET", f"/api/v1/devices/{oven['id']}")[2]["name"] == "Großer Ofen"
        wait_for(lambda: is_up(p, oven["id"]), what="it has learnt the new port")
        assert faults(p)["oven-1.leak"]["device"] == oven["id"] and faults(p)["oven-1.leak"]["points"]
    finally:
        assert p.close() == 0
