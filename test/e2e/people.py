"""People at the doors: a browser's session as HTTP clients see it, with cookie and CSRF value."""


class Person:
    """A user who is signed in. p: the platform."""

    def __init__(self, p, name, password, agent="test/1.0"):
        self.p, self.name, self.password, self.headers = p, name, password, {"User-Agent": agent}
        status, head, who = self("POST", "/api/v1/session", {"name": name, "password": password})
        assert status == 201, who
        self.headers.update({"Cookie": head["Set-Cookie"].split(";")[0], "X-CSRF-Token": who["csrf"]})
        self.who = who
        if who["password_due"]:         # somebody else chose it
            self.password = password + ", mine"
            assert self("PUT", "/api/v1/session/password", {"old": password, "password": self.password})[0] == 204

    def __call__(self, method, path, body=None):
        headers = dict(self.headers, Authorization=None)
        return self.p.call(method, path, body, token="-", headers=headers)


def role(p, name):
    return p.call("GET", f"/api/v1/roles?name={name}")[2]["items"][0]["id"]


def user(p, name, role_name, password="ten letters"):
    return p.make("users", name=name, password=password, role=role(p, role_name))["id"]


def person(p, name, role_name):
    user(p, name, role_name)
    return Person(p, name, "ten letters")


def plant(p, code):
    """A place with a device and a point in it: {place, device, group, point, path}."""
    place = p.make("places", code=code)["id"]
    connections = p.call("GET", "/api/v1/connections?code=net")[2]["items"]
    connection = connections[0]["id"] if connections else p.make("connections", code="net", driver="push")["id"]
    device = p.make("devices", code="press", connection=connection, place=place)["id"]
    group = p.make("groups", code="fast", device=device)["id"]
    point = p.make("points", code="temp", group=group, address="temp", type="f64")
    return {"place": place, "device": device, "group": group, "point": point["id"], "path": point["path"], "connection": connection}


def write(p, path, value, token=None):
    device, field = path.rsplit("/", 1)
    return p.call("POST", "/api/v1/write", f"{device} {field}={value}", token, {"Content-Type": "text/plain"})
