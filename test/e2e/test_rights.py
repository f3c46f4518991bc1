"""Rights as they hold while things change: peers are the WebSocket protocol (RFC 6455) and HTTP clients with other principals."""
import pytest

import live
import people
import tenon


@pytest.fixture(scope="module")
def p(platform):
    platform.token = platform.sign_in()
    return platform


def role(p, name):
    return p.call("GET", f"/api/v1/roles?name={name}")[2]["items"][0]["id"]


def closed_with(socket):
    try:
        while True:
            socket.receive()
    except live.Closed as e:
        return e.args[0]


def test_a_revoked_token_ends_its_live_socket_at_once(p):
    token = p.make("tokens", name="live", role=role(p, "viewer"))
    stays = p.make("tokens", name="stays", role=role(p, "viewer"))
    one, other = live.Live(p.url, timeout=10), live.Live(p.url, timeout=10)
    one.hello(token["secret"])
    other.hello(stays["secret"])
    assert p.call("DELETE", f"/api/v1/tokens/{token['id']}")[0] == 204
    assert closed_with(one) == 4401
    other.send(op="ping")
    assert other.receive() == {"op": "pong"}
    other.close()


def test_a_page_of_another_site_gets_no_socket(p):
    host = p.url.split("//")[1]
    assert live.Live(p.url, {"Origin": "http://evil.example"}).status == 403
    assert live.Live(p.url, {"Origin": "null"}).status == 403
    assert live.Live(p.url, {"Origin": f"http://{host}.evil.example"}).status == 403
    assert live.Live(p.url, {"Origin": f"http://{host}"}).status == 101


def test_who_makes_tenants_makes_nobody_mightier_at_home(p):
    """tenant.write gives a new tenant its administrator. In the tenant it belongs to nobody gives what he has not."""
    maker = p.make("roles", name="maker", permissions=["tenant.read", "tenant.write"])
    token = p.make("tokens", name="maker", role=maker["id"])["secret"]
    home = p.call("GET", "/api/v1/session")[2]["tenant"]["id"]
    eve = {"name": "eve", "password": "ten letters", "role": "administrator"}
    status, _, body = p.call("POST", f"/api/v1/tenants/{home}/users", eve, token)
    assert (status, body["code"]) == (403, "denied")
    status, _, there = p.call("POST", "/api/v1/tenants", {"code": "there"}, token)
    assert status == 201
    status, _, body = p.call("POST", f"/api/v1/tenants/{there['id']}/users", eve, token)
    assert status == 201, body


def test_a_refusal_that_no_deed_made_is_in_the_audit_once_a_minute(p):
    """Samples for another's place, figures that are the platform's own: somebody who is set up wrongly must not fill the audit, either."""
    here, there = people.plant(p, "refused-a"), people.plant(p, "refused-b")
    role = p.make("roles", name="feeds", permissions=["sample.write", "point.read"])
    none = p.call("GET", "/api/v1/roles?name=none")[2]["items"][0]["id"]
    token = p.make("tokens", name="feeds", role=none)
    p.make("grants", token=token["id"], role=role["id"], place=here["place"])

    def entries():
        return [(e["deed"], e["outcome"]) for e in p.call("GET", "/api/v1/audit?limit=1000")[2]["items"] if e["principal"] == token["id"]]
    assert people.write(p, here["path"], 1, token["secret"])[0] == 204
    assert entries() == []
    for _ in range(5):
        assert people.write(p, there["path"], 1, token["secret"])[0] == 403
    assert entries() == [("sample.write", "denied")]
