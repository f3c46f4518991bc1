"""Independent Modbus peers for tests: pymodbus' servers on a thread, a null modem of two pseudo terminals that can soil what passes, and the
few calls by which the platform is told to read them."""
import asyncio
import os
import pty
import select
import struct
import termios
import threading
import tty

from tenon import wait_for


class Serving:
    """A pymodbus server on a loop and thread of its own: `make` is called there and returns it."""

    def __init__(self, make):
        self.loop, self.server = asyncio.new_event_loop(), None
        ready = threading.Event()

        async def serve():
            self.server = make()
            await self.server.serve_forever(background=True)
            ready.set()

        self.thread = threading.Thread(target=lambda: (self.loop.run_until_complete(serve()), self.loop.run_forever()), daemon=True)
        self.thread.start()
        assert ready.wait(20)

    def close(self):
        asyncio.run_coroutine_threadsafe(self.server.shutdown(), self.loop).result(20)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class NullModem:
    """Two terminals whose bytes come out at the other one. `pass_on(bytes, to_right)` may change what passes, or return None to lose it."""

    def __init__(self, pass_on=None):
        self.pass_on, self.ends, self.over = pass_on, [], threading.Event()
        for _ in range(2):
            master, slave = pty.openpty()
            tty.setraw(slave, termios.TCSANOW)
            # the slave stays open here, so that the line survives the programs that open and close it
            self.ends.append((master, slave))
        self.left, self.right = (os.ttyname(slave) for _, slave in self.ends)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def put(self, data, to_right):
        os.write(self.ends[1 if to_right else 0][0], data)

    def _run(self):
        masters = [master for master, _ in self.ends]
        while not self.over.is_set():
            for fd in select.select(masters, [], [], 0.05)[0]:
                data, to_right = os.read(fd, 4096), fd == masters[0]
                if self.pass_on:
                    data = self.pass_on(data, to_right)
                if data:
                    self.put(data, to_right)

    def close(self):
        """The line falls mute. Its terminals stay open: another one of the same name would be talked to by whoever was set up for this one."""
        self.over.set()
        self.thread.join(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def f32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def read_from(platform, code, driver, config, devices, period_ms=200):
    """A connection with devices {code: (settings, {point: (address, type)})}, one group each. Ids of the connection and the devices."""
    made = {}
    c = platform.make("connections", code=code, driver=driver, config=config)
    for name, (settings, points) in devices.items():
        d = platform.make("devices", code=name, connection=c["id"], config=settings)
        g = platform.make("groups", code="g", device=d["id"], period_ms=period_ms)
        rows = ["group,code,address,type,access"]
        for point, (address, kind, *access) in points.items():
            rows.append(f"{g['id']},{point},{address},{kind},{access[0] if access else 'r'}")
        status, _, body = platform.call("POST", "/api/v1/points/import", "\r\n".join(rows), headers={"Content-Type": "text/csv"})
        assert status == 200 and body["failed"] == 0, body
        made[name] = d["id"]
    return c["id"], made


def history(platform, path):
    """t, v, q of everything there is."""
    return platform.query([path], start="now-1h").get(path, {"t": [], "v": []})


def last(platform, path):
    """(value, is good) of the newest sample; None before the first."""
    s = history(platform, path)
    if not s["t"]:
        return None
    return s["v"][-1], not s.get("q") or s["q"][-1] >> 30 == 0


def becomes(platform, path, value, seconds=180):
    """Longer than the longest back-off (60 s), which a machine that stood still brings on."""
    got = [None]

    def there():
        got[0] = last(platform, path)
        # a float32 is told by its shortest text
        return got[0] == (value, True) or (got[0] and got[0][1] and isinstance(value, float) and f32(got[0][0] or 0) == f32(value))

    try:
        wait_for(there, seconds)
    except AssertionError:
        raise AssertionError(f"{path} is {got[0]}, not {value}") from None


def link(platform, ident):
    return platform.call("GET", f"/api/v1/links/{ident}")[2]
