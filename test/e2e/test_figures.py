"""The figures behind the start page, the connection page and saved trends. References: os.statvfs, glibc's ntp_gettime(3), and what the simulated
station is made of."""
import ctypes
import os
import subprocess

import pytest

import tenon


@pytest.fixture(scope="module")
def plant(platform):
    platform.token = platform.sign_in()
    sim = tenon.Process(tenon.PROGRAM, "sim", "--listen", "127.0.0.1:0")
    host, port = sim.line("ready modbus ").rsplit(":", 1)
    connection = platform.make("connections", code="net", driver="modbus-tcp", config={"host": host, "port": int(port)})
    device = platform.make("devices", code="PLC", connection=connection["id"])
    groups = [platform.make("groups", device=device["id"], code=c, period_ms=100) for c in ("a", "b")]
    points = [platform.make("points", group=groups[i // 2]["id"], code=f"P{i}", address=a, type="f32", unit="kPa")
              for i, a in enumerate(["30009", "30011", "30013", "39999"])]
    yield {"sim": sim, "connection": connection, "device": device, "groups": groups, "points": points}
    sim.stop()


def values(platform, **params):
    text = "&".join(f"{k}={v}" for k, v in params.items())
    status, _, body = platform.call("GET", f"/api/v1/values?{text}")
    assert status == 200, body
    return body


def test_bad_points_are_listed_with_their_reason_and_since_when(platform, plant):
    tenon.wait_for(lambda: values(platform)["counts"] == {"points": 4, "good": 3, "uncertain": 0, "bad": 1, "disabled": 0, "unknown": 0}, what="three good, one bad")
    bad = values(platform, state="bad")
    assert bad["count"] == 1
    item = bad["items"][0]
    assert (item["code"], item["quality"], item["v"], item["device"]) == ("P3", "bad_address", None, plant["device"]["id"])
    assert 0 < item["since"] <= item["t"]
    good = values(platform, state="good", limit=2)
    assert good["count"] == 3 and len(good["items"]) == 2
    # Since is when it turned good, not the time of the last sample, which goes on.
    first = {i["code"]: i["since"] for i in values(platform, state="good")["items"]}
    tenon.wait_for(lambda: all(i["t"] > i["since"] for i in values(platform, state="good")["items"]), what="samples after the first")
    assert {i["code"]: i["since"] for i in values(platform, state="good")["items"]} == first


def test_a_disabled_point_is_neither_good_nor_bad(platform, plant):
    point = plant["points"][3]
    assert platform.call("PATCH", f"/api/v1/points/{point['id']}", {"enabled": False})[0] == 200
    tenon.wait_for(lambda: values(platform)["counts"]["disabled"] == 1, what="one disabled")
    assert values(platform)["counts"]["bad"] == 0
    assert platform.call("PATCH", f"/api/v1/points/{point['id']}", {"enabled": True})[0] == 200
    tenon.wait_for(lambda: values(platform)["counts"]["bad"] == 1, what="bad again")


def test_a_wrong_state_or_limit_is_named(platform, plant):
    for query, pointer in (("state=rotten", "/state"), ("limit=0", "/limit"), ("limit=x", "/limit")):
        status, _, body = platform.call("GET", f"/api/v1/values?{query}")
        assert status in (400, 422) and body["errors"][0]["pointer"] == pointer, body


def test_points_of_scan_groups_are_summed_up_to_device_and_connection(platform, plant):
    def sums():
        rows = {r["id"]: r for r in platform.call("GET", "/api/v1/links")[2]["items"]}
        return [(rows[plant[k]["id"]]["points"], rows[plant[k]["id"]]["bad"]) for k in ("connection", "device")]
    tenon.wait_for(lambda: sums() == [(4, 1), (4, 1)], what="four points, one bad")
    one = platform.call("GET", f"/api/v1/links/{plant['device']['id']}")[2]
    assert (one["kind"], one["points"], one["bad"]) == ("device", 4, 1)
    assert platform.call("GET", f"/api/v1/links/{plant['points'][0]['id']}")[0] == 404


class NtpTime(ctypes.Structure):
    _fields_ = [("sec", ctypes.c_long), ("usec", ctypes.c_long), ("maxerror", ctypes.c_long), ("esterror", ctypes.c_long), ("rest", ctypes.c_long * 5)]


def test_the_status_knows_disk_clock_and_pace(platform, plant):
    status = platform.call("GET", "/api/v1/status")[2]
    fs = os.statvfs(platform.data)
    assert status["disk"]["total"] == fs.f_blocks * fs.f_frsize
    assert abs(status["disk"]["free"] - fs.f_bavail * fs.f_frsize) < 1 << 30
    now = NtpTime()
    state = ctypes.CDLL(None).ntp_gettime(ctypes.byref(now))
    assert status["clock"]["synchronized"] == (state != 5)      # TIME_ERROR
    assert status["clock"]["error_us"] >= 0
    tenon.wait_for(lambda: platform.call("GET", "/api/v1/status")[2]["log"]["samples_per_s"] > 0, what="a pace")
    assert status["log"]["backlog"] >= 0


def test_a_trend_is_kept_and_outlives_its_points(platform, plant):
    point = platform.make("points", group=plant["groups"][0]["id"], code="gone", address="30015", type="f32")
    lines = [{"point": point["id"], "axis": "left", "color": "#1f6f9f", "hidden": False}]
    trend = platform.make("trends", name="泵站 8 小时", lines=lines, window="8h", shift="24h", limits={"kPa": "0..600"})
    assert trend["lines"] == lines and trend["window"] == "8h" and trend["until"] is None
    assert platform.call("POST", "/api/v1/trends", {"name": "泵站 8 小时"})[0] == 409
    assert platform.call("DELETE", f"/api/v1/points/{point['id']}")[0] == 204
    assert platform.call("GET", f"/api/v1/trends/{trend['id']}")[2]["lines"] == lines
    status, _, body = platform.call("POST", "/api/v1/trends", {"name": "x", "lines": [{"point": point["id"], "color": "red"}]})
    assert status == 422 and body["errors"][0]["pointer"] == "/lines/0/color", body


def test_operators_save_trends_and_viewers_do_not(platform, plant):
    for role, expected in (("operator", 201), ("viewer", 403)):
        of = platform.call("GET", f"/api/v1/roles?name={role}")[2]["items"][0]["id"]
        token = platform.make("tokens", name=f"of-{role}", role=of)["secret"]
        assert platform.call("POST", "/api/v1/trends", {"name": f"of {role}"}, token)[0] == expected


def test_the_terminal_shows_values_and_figures(platform, plant):
    env = {**os.environ, "TENON_SERVER": platform.url, "TENON_TOKEN": platform.token, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    out = subprocess.run([tenon.PROGRAM, "values", "--state", "bad"], capture_output=True, text=True, env=env)
    assert out.returncode == 0 and out.stdout.startswith("PLC/P3  -") and "no such address" in out.stdout, out
    out = subprocess.run([tenon.PROGRAM, "status"], capture_output=True, text=True, env=env)
    assert out.returncode == 0 and "disk.free " in out.stdout and "clock.synchronized " in out.stdout, out
