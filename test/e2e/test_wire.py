"""Bytes on the wire that a proxy in front and the platform could read differently (RFC 9112): they are refused and the connection ends."""
import socket

import pytest

import tenon

HIDDEN = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
BODY = b"0\r\n\r\n" + HIDDEN


def exchange(p, *lines):
    """All that comes back for a POST with these header fields, whose body holds another request, until the other side closes."""
    host, port = p.url.split("//")[1].split(":")
    with socket.create_connection((host, int(port)), 20) as s:
        s.sendall(b"POST /api/v1/write HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + p.token.encode() + b"\r\n"
                  + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + BODY)
        got = b""
        while data := s.recv(65536):
            got += data
    return got


@pytest.mark.parametrize("lines", [
    [b"Content-Length : %d" % len(BODY)], [b"Content-Length\t: %d" % len(BODY)], [b"Transfer-Encoding : chunked"],
    [b"Content-Length: %d" % len(BODY), b"Transfer-Encoding: chunked"], [b"Content-Length: 5", b"Content-Length: %d" % len(BODY)],
    [b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"], [b"Transfer-Encoding: xchunked"],
    [b"Content-Length: +5"], [b"Content-Length: 5, 5"], [b"Content-Length: 0x5"],
], ids=lambda lines: b"; ".join(lines).decode())
def test_a_body_framed_in_doubt_hides_no_request(platform, lines):
    platform.token = platform.token or platform.sign_in()
    got = exchange(platform, *lines)
    assert got.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 ")), got
    assert b"200 OK" not in got and b'"status":"ok"' not in got, got
