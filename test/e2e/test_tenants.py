"""A tenant that is disabled is not read from any more, and is read from again when it is enabled. Peer: a Modbus
device whose connections are counted (MODBUS Messaging on TCP/IP V1.0b, 3.1.3, and Application Protocol V1.1b3, 6.3)."""
import http.client
import json
import socket
import threading

import tenon


class Registers:
    """Answers every read of registers with zeros, so that nobody has a reason to hang up; knows how many connections there are and were."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port, self.open, self.ever = self.socket.getsockname()[1], 0, 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            c, _ = self.socket.accept()
            self.open += 1
            self.ever += 1
            threading.Thread(target=self.answer, args=(c,), daemon=True).start()

    def answer(self, c):
        try:
            while request := c.recv(12, socket.MSG_WAITALL):
                n = request[11] * 2
                c.sendall(request[:4] + bytes([0, 3 + n]) + request[6:8] + bytes([n]) + bytes(n))
        except OSError:
            pass
        self.open -= 1
        c.close()


def test_a_disabled_tenant_is_not_read_from(platform):
    p, plc = platform, Registers()
    p.token = p.sign_in()
    tenant = p.make("tenants", code="leaving")
    user = {"name": "owner", "password": "ten letters!"}
    assert p.call("POST", f"/api/v1/tenants/{tenant['id']}/users", user)[0] == 201
    own = {}

    def make(noun, **record):
        status, _, body = call("POST", f"/api/v1/{noun}", record)
        assert status == 201, body
        return body["id"]

    def call(method, path, body):
        c = http.client.HTTPConnection(p.url.split("//")[1], timeout=20)
        c.request(method, path, json.dumps(body), {"Content-Type": "application/json", **own})
        answer = c.getresponse()
        return answer.status, answer.headers, json.loads(answer.read() or "null")

    _, fields, who = call("POST", "/api/v1/session", user)
    own = {"Cookie": fields["Set-Cookie"].split(";")[0], "X-CSRF-Token": who["csrf"]}
    call("PUT", "/api/v1/session/password", {"old": user["password"], "password": "his own letters"})
    connection = make("connections", code="c", driver="modbus-tcp", config={"host": "127.0.0.1", "port": plc.port})
    device = make("devices", code="d", connection=connection)
    group = make("groups", code="g", device=device, period_ms=100)
    make("points", code="p", group=group, address="40001", type="u16")
    tenon.wait_for(lambda: plc.open, 20, "its device is asked")
    assert p.call("PATCH", f"/api/v1/tenants/{tenant['id']}", {"enabled": False})[0] == 200
    tenon.wait_for(lambda: plc.open == 0, 20, "nobody asks any more")
    ever = plc.ever
    assert p.call("PATCH", f"/api/v1/tenants/{tenant['id']}", {"enabled": True})[0] == 200
    tenon.wait_for(lambda: plc.open and plc.ever > ever, 20, "its device is asked again")
