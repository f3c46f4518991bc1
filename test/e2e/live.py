"""A WebSocket client of RFC 6455 in a few lines, for the live socket: only what the tests need, no extensions, no fragments."""
import base64
import json
import os
import socket
import struct
import urllib.parse


class Closed(Exception):
    """The other side closed; the code is its argument."""


class Live:
    def __init__(self, url, headers=None, timeout=20, tls=None):
        at = urllib.parse.urlsplit(url)
        self.socket = socket.create_connection((at.hostname, at.port), timeout)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname=at.hostname)
        self.file = self.socket.makefile("rb")
        fields = {"Host": at.netloc, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                  "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(), **(headers or {})}
        self.socket.sendall(("GET /api/v1/live HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items()) + "\r\n").encode())
        self.status = int(self.file.readline().split()[1])
        while self.file.readline().strip():
            pass

    def send(self, **frame):
        data, mask = json.dumps(frame).encode(), os.urandom(4)
        head = bytes([0x81]) + (bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0xFE]) + struct.pack(">H", len(data)))
        self.socket.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def receive(self):
        """The next text as JSON; pings are passed over."""
        while True:
            a, b = self.file.read(2)
            n = b & 127
            if n > 125:
                n = struct.unpack(">H" if n == 126 else ">Q", self.file.read(2 if n == 126 else 8))[0]
            data = self.file.read(n)
            if a & 15 == 8:
                raise Closed(struct.unpack(">H", data[:2])[0] if n >= 2 else 1005)
            if a & 15 == 1:
                return json.loads(data)

    def until(self, op):
        while True:
            frame = self.receive()
            if frame["op"] == op:
                return frame

    def hello(self, token):
        self.send(op="hello", token=token)
        return self.until("hello")

    def close(self):
        self.file.close()
        self.socket.close()
