"""Peers: OpenSSL's s_client, curl, Python's ssl. HTTPS: who is refused, what is agreed on, what a bad client can do to the others."""
import hashlib
import http.client
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import urllib.parse

import pytest

import certificates
import tenon
from live import Live


def address(url):
    at = urllib.parse.urlsplit(url)
    return at.hostname, at.port


def trust(data):
    return ssl.create_default_context(cafile=os.path.join(data, "keys", "tls.crt"))


def dial(url, context, **options):
    raw = socket.create_connection(address(url), 20)
    return context.wrap_socket(raw, server_hostname="127.0.0.1", **options)


def get(url, context, path="/healthz", method="GET", body=None, headers=None):
    host, port = address(url)
    c = http.client.HTTPSConnection(host, port, timeout=30, context=context)
    c.request(method, path, body, headers or {})
    answer = c.getresponse()
    data = answer.read()
    c.close()
    return answer, data


@pytest.fixture(scope="module")
def secure():
    p = tenon.Platform(None, "--tls", "self-signed")
    p.context, p.print, p.link = trust(p.data), p.line("fingerprint "), p.line("setup ")
    yield p
    assert p.close() == 0, "".join(p.errors[-20:])


def test_the_certificate_is_the_one_whose_fingerprint_was_printed(secure):
    assert secure.url.startswith("https://")
    der = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(address(secure.url)))
    assert secure.print.replace(":", "").lower() == hashlib.sha256(der).hexdigest()
    assert secure.link.startswith(secure.url + "/setup#")
    key = pathlib.Path(secure.data, "keys", "tls.key")
    assert key.stat().st_mode & 0o777 == 0o600
    answer, body = get(secure.url, secure.context)         # chain and name are checked by Python's ssl
    assert answer.status == 200 and json.loads(body) == {"status": "ok"}
    assert answer.getheader("Strict-Transport-Security") is None


def test_curl_that_trusts_nobody_does_not_come_in(secure):
    done = subprocess.run(["curl", "-s", secure.url + "/healthz"], capture_output=True, text=True)
    assert done.returncode == 60                            # CURLE_PEER_FAILED_VERIFICATION
    done = subprocess.run(["curl", "-s", "--cacert", os.path.join(secure.data, "keys", "tls.crt"), secure.url + "/healthz"], capture_output=True,
                          text=True)
    assert (done.returncode, done.stdout) == (0, '{"status":"ok"}')


@pytest.mark.parametrize("options,comes_in", [
    (["-tls1_3"], True), (["-tls1_2"], True), (["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"], False),
    (["-tls1", "-cipher", "DEFAULT:@SECLEVEL=0"], False),
    (["-tls1_2", "-cipher", "AES128-SHA:AES256-SHA256"], False),                   # no forward secrecy
    (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA:@SECLEVEL=0"], False),         # CBC
    (["-tls1_2", "-cipher", "eNULL:aNULL:@SECLEVEL=0"], False),
    (["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"], True),
    (["-tls1_3", "-alpn", "http/1.1"], True), (["-tls1_3", "-alpn", "smtp"], False)])
def test_old_and_weak_tls_is_refused(secure, options, comes_in):
    host, port = address(secure.url)
    done = subprocess.run(["openssl", "s_client", "-connect", f"{host}:{port}", "-CAfile", os.path.join(secure.data, "keys", "tls.crt"),
                           "-verify_return_error", *options], input="GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                          capture_output=True, text=True, timeout=30)
    assert ("Verify return code: 0 (ok)" in done.stdout and "Cipher is (NONE)" not in done.stdout) == comes_in, done.stdout + done.stderr


def test_renegotiation_is_refused_and_sessions_are_resumed(secure):
    host, port = address(secure.url)
    done = subprocess.run(["openssl", "s_client", "-connect", f"{host}:{port}", "-tls1_2"], input="R\n", capture_output=True, text=True, timeout=30)
    assert "no renegotiation" in done.stderr or "NO_RENEGOTIATION" in done.stderr.upper(), done.stderr
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        secure.context.maximum_version = version
        first = dial(secure.url, secure.context)
        first.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert first.recv(100).startswith(b"HTTP/1.1 200")     # TLS 1.3: the ticket came before it
        session = first.session
        first.close()
        again = dial(secure.url, secure.context, session=session)
        assert again.session_reused
        again.close()
    secure.context.maximum_version = ssl.TLSVersion.MAXIMUM_SUPPORTED


def test_who_speaks_http_is_told_to_speak_https(secure):
    host, port = address(secure.url)
    c = http.client.HTTPConnection(host, port, timeout=20)
    c.request("GET", "/")
    answer = c.getresponse()
    assert answer.status == 400 and "https://" in answer.read().decode()


def open_files(platform):
    return len(os.listdir(f"/proc/{platform.child.pid}/fd"))


def test_bad_clients_cost_nothing_and_harm_nobody(secure):
    get(secure.url, secure.context)
    before = open_files(secure)
    slow = [socket.create_connection(address(secure.url), 20) for _ in range(20)]
    for i, s in enumerate(slow):
        s.sendall(b"\x16\x03\x01\x02\x00\x01\x00"[:i % 7 + 1])     # the beginning of a client hello, and nothing more
    for garbage in (b"\x00" * 100, b"\x16\x03\x01\xff\xff" + b"x" * 3000, b"SSH-2.0-x\r\n", b"\x15" + os.urandom(2000)):
        with socket.create_connection(address(secure.url), 20) as s:
            s.sendall(garbage)
            try:
                while s.recv(1000):
                    pass
            except ConnectionError:
                pass
    for _ in range(30):
        s = dial(secure.url, secure.context)
        s.close()
        half = dial(secure.url, secure.context)
        half.sendall(b"POST /api/v1/write HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
        half.shutdown(socket.SHUT_RDWR)                     # without a word of goodbye
        half.close()
    assert get(secure.url, secure.context)[0].status == 200     # while the slow ones still hold on
    for s in slow:
        s.close()
    tenon.wait_for(lambda: open_files(secure) <= before, 20, "descriptors are closed")


def held(p):
    """(open files, private memory in bytes) of the platform."""
    with open(f"/proc/{p.child.pid}/smaps_rollup", encoding="ascii") as f:
        private = sum(int(line.split()[1]) for line in f if line.startswith("Private_"))
    return len(os.listdir(f"/proc/{p.child.pid}/fd")), private * 1024


def shake_hands(url, context, kind):
    """Whole and over; whole and cut off; given up behind the first words; never begun; rubbish."""
    if kind in (0, 1):
        s = dial(url, context)
        if kind == 0:
            s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert s.recv(20).startswith(b"HTTP/1.1 200")
    else:
        s = socket.create_connection(address(url), 20)
        if kind == 2:
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            with pytest.raises(ssl.SSLWantReadError):
                context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1").do_handshake()
            s.sendall(outgoing.read())
        elif kind == 4:
            s.sendall(os.urandom(60))
    s.close()


def test_handshakes_leave_nothing_behind(secure):
    """500; 10,000 with TENON_TEST_ALL=1. What one leaves behind would be a certificate's chain, a session, two sockets: some kilobytes each."""
    many = 10000 if os.environ.get("TENON_TEST_ALL") == "1" else 500
    for i in range(200):
        shake_hands(secure.url, secure.context, i % 5)
    tenon.wait_for(lambda: get(secure.url, secure.context)[0].status == 200, 20, "an answer")
    files, before = held(secure)
    for i in range(many):
        shake_hands(secure.url, secure.context, i % 5)
    tenon.wait_for(lambda: held(secure)[0] <= files + 2, 60, "their sockets are closed")
    grown = held(secure)[1] - before
    assert grown < (2 << 20) + 200 * many, f"{grown} bytes more after {many} handshakes"


def test_large_bodies_go_both_ways_and_too_large_is_answered(secure):
    token = secure.sign_in(name="large")
    auth = {"Authorization": f"Bearer {token}"}
    answer, body = get(secure.url, secure.context, "/api/v1/openapi.json")
    assert answer.status == 200 and len(body) > 65536 and json.loads(body)["openapi"].startswith("3.1")
    lines = "".join(f"big,n={i % 50} v={i} {1700000000000000000 + i * 1000000}\n" for i in range(60000)).encode()
    answer, body = get(secure.url, secure.context, "/api/v1/write", "POST", lines, auth)
    assert answer.status == 204, body
    raw = dial(secure.url, secure.context)
    raw.sendall(b"POST /api/v1/write HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token.encode() + b"\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"%x\r\n" % 65536 + b"x" * 65536 + b"\r\n"
    raw.settimeout(20)
    got = b""
    try:
        for _ in range(400):
            raw.sendall(chunk)
    except OSError:
        pass                                                # it need not be read to the end
    try:
        got = raw.recv(1000)
    except OSError:
        pass
    assert got == b"" or got.startswith(b"HTTP/1.1 413"), got
    raw.close()
    done = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", os.path.join(secure.data, "keys", "tls.crt"),
                           "-H", f"Authorization: Bearer {token}", "--data-binary", "@-", secure.url + "/api/v1/write"],
                          input=b"x" * (20 << 20), capture_output=True)
    assert done.stdout == b"413", done


def test_a_websocket_and_the_cookie_come_through(secure):
    live = Live(secure.url, tls=secure.context)
    assert live.status == 101
    assert live.hello(secure.sign_in(name="live"))["op"] == "hello"
    live.close()
    body = json.dumps({"token": secure.link.split("#")[1], "name": "ada", "password": "correct horse battery"})
    answer, got = get(secure.url, secure.context, "/api/v1/setup", "POST", body, {"Content-Type": "application/json"})
    assert answer.status < 300, got
    answer, got = get(secure.url, secure.context, "/api/v1/session", "POST", json.dumps({"name": "ada", "password": "correct horse battery"}),
                      {"Content-Type": "application/json"})
    assert answer.status < 300 and "; Secure" in answer.getheader("Set-Cookie"), (got, answer.headers)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A certificate authority of OpenSSL with two certificates for 127.0.0.1."""
    d = tmp_path_factory.mktemp("ca")

    def openssl(*args):
        done = subprocess.run(["openssl", *args], cwd=d, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=plant CA",
            "-days", "30")
    for name in ("one", "two"):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (d / "ext").write_text("subjectAltName=IP:127.0.0.1\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "ext", "-days", "20",
                "-out", f"{name}.pem")
    return d


def served(url, context):
    with dial(url, context) as s:
        return dict(pair[0] for pair in s.getpeercert()["subject"])["commonName"]


def test_a_new_certificate_is_taken_on_sighup_and_a_broken_one_is_not(authority, tmp_path):
    for suffix in ("pem", "key"):
        (tmp_path / f"server.{suffix}").write_bytes((authority / f"one.{suffix}").read_bytes())
    context = ssl.create_default_context(cafile=str(authority / "ca.pem"))
    p = tenon.Platform(str(tmp_path / "data"), "--tls", "files", "--certificate", str(tmp_path / "server.pem"), "--key", str(tmp_path / "server.key"))
    try:
        assert served(p.url, context) == "one"
        assert get(p.url, context)[0].getheader("Strict-Transport-Security") == "max-age=2592000"
        held = dial(p.url, context)
        for suffix in ("pem", "key"):
            (tmp_path / f"server.{suffix}").write_bytes((authority / f"two.{suffix}").read_bytes())
        p.child.send_signal(signal.SIGHUP)
        tenon.wait_for(lambda: served(p.url, context) == "two", 20, "the new certificate")
        held.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert held.recv(100).startswith(b"HTTP/1.1 200")       # who was connected stays
        held.close()
        (tmp_path / "server.pem").write_text("nothing\n")
        p.child.send_signal(signal.SIGHUP)
        tenon.wait_for(lambda: any("stays as it was" in e and "holds no certificate" in e for e in p.errors), 20, "the sentence")
        assert served(p.url, context) == "two"
    finally:
        assert p.stop() == 0


def test_a_certificate_of_ones_own_is_kept_and_made_anew_only_when_it_has_expired(tmp_path):
    prints = []
    for _ in range(2):
        p = tenon.Platform(str(tmp_path), "--tls", "self-signed", "--listen", "0.0.0.0:0")     # beyond loopback: with TLS it may
        prints.append(p.line("fingerprint "))
        assert p.stop() == 0
    assert prints[0] == prints[1]
    certificates.self_signed(tmp_path, -9, -1)
    for name, own in (("c.pem", "tls.crt"), ("k.pem", "tls.key")):
        (tmp_path / "keys" / own).write_bytes((tmp_path / name).read_bytes())
    p = tenon.Platform(str(tmp_path), "--tls", "self-signed")
    der = ssl.PEM_cert_to_DER_cert((tmp_path / "keys" / "tls.crt").read_text())
    anew = p.line("fingerprint ")
    assert anew.replace(":", "").lower() == hashlib.sha256(der).hexdigest() and anew not in prints
    assert get(p.url, trust(str(tmp_path)))[0].status == 200
    assert p.stop() == 0


def test_a_stop_says_goodbye_to_those_who_wait():
    p = tenon.Platform(None, "--tls", "self-signed")
    context = trust(p.data)
    held = [dial(p.url, context) for _ in range(5)]
    assert p.close() == 0
    for s in held:
        assert s.recv(10) == b""                            # an orderly end: a cut one raises SSLEOFError
        s.close()
