"""Modbus/TCP Security against pymodbus with Python's ssl: both sides show a certificate; who is not who he should be is not spoken to."""
import hashlib
import shutil
import ssl
import subprocess

import pytest

pytest.importorskip("pymodbus", reason="pymodbus is not in build/venv")
from pymodbus import FramerType  # noqa: E402
from pymodbus.server import ModbusTlsServer  # noqa: E402
from pymodbus.simulator import DataType, SimData, SimDevice  # noqa: E402

from modbus_peer import Serving, becomes, last, link, read_from  # noqa: E402
from tenon import free_ports, wait_for  # noqa: E402


def openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """Two authorities; a certificate for the device and one for us from the first."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    d = tmp_path_factory.mktemp("pki")
    for ca in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 2, "-subj", f"/CN={ca}", "-keyout", d / f"{ca}.key", "-out", d / f"{ca}.pem")
    for who, names in (("device", "IP:127.0.0.1"), ("nameless", "DNS:somewhere-else"), ("us", "DNS:tenon")):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={who}", "-keyout", d / f"{who}.key", "-out", d / f"{who}.csr")
        (d / "ext").write_text(f"subjectAltName={names}\n")
        openssl("x509", "-req", "-in", d / f"{who}.csr", "-CA", d / "ca.pem", "-CAkey", d / "ca.key", "-CAcreateserial", "-days", 2, "-extfile", d / "ext",
                "-out", d / f"{who}.pem")
    return d


def serving(pki, who):
    port = free_ports()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / f"{who}.pem", pki / f"{who}.key")
    context.load_verify_locations(pki / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    device = SimDevice(1, [SimData(0, values=[802], datatype=DataType.REGISTERS)])
    return Serving(lambda: ModbusTlsServer([device], framer=FramerType.SOCKET, address=("127.0.0.1", port), sslctx=context)), port


def test_who_shows_the_right_certificate_is_read_and_nobody_else(platform, pki):
    us = {"tls": True, "tls_cert": str(pki / "us.pem"), "tls_key": str(pki / "us.key")}
    finger = hashlib.sha256(ssl.PEM_cert_to_DER_cert((pki / "nameless.pem").read_text())).hexdigest()
    device, port = serving(pki, "device")
    nameless, nameless_port = serving(pki, "nameless")
    good = {"trusted": (port, {**us, "tls_ca": str(pki / "ca.pem")}), "pinned": (nameless_port, {**us, "tls_any_name": True, "tls_fingerprint": finger})}
    bad = {"foreign": (port, {**us, "tls_ca": str(pki / "other.pem")}), "misnamed": (nameless_port, {**us, "tls_ca": str(pki / "ca.pem")}),
           "unpinned": (port, {**us, "tls_fingerprint": finger, "tls_any_name": True}), "undocumented": (port, {"tls": True, "tls_ca": str(pki / "ca.pem")}),
           "no-file": (port, {**us, "tls_ca": str(pki / "absent.pem")})}
    with device, nameless:
        ids = {}
        for code, (to, config) in {**good, **bad}.items():
            ids[code], _ = read_from(platform, f"tls-{code}", "modbus-tcp", {"host": "127.0.0.1", "port": to, **config},
                                     {f"dev-{code}": ({}, {"w": ("HR0", "u16")})})
        for code in good:
            becomes(platform, f"dev-{code}/w", 802)
        for code in bad:
            seen = wait_for(lambda: (s := link(platform, ids[code]))["reason"] and s["state"] != "up" and s, what=code)
            assert (last(platform, f"dev-{code}/w") or (None, False))[1] is False, seen


def test_a_check_that_checks_nothing_is_refused(platform):
    status, _, body = platform.call("POST", "/api/v1/connections", {"code": "bad", "driver": "modbus-tcp",
                                                                    "config": {"host": "x", "tls": True, "tls_any_name": True}})
    assert status == 422 and body["errors"][0]["pointer"] == "/config/tls_any_name", body
