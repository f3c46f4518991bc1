"""Peers: OpenSSL's command line, which makes an authority and says fingerprints. Whom the command line trusts, and what it says when it does not."""
import os
import pathlib
import subprocess

import pytest

import tenon


def cli(platform, *args, code=0, lang="en", **env):
    done = subprocess.run([tenon.PROGRAM, *args], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "TENON_LANG": lang, "TENON_SERVER": platform.url, "TENON_TOKEN": platform.secret, **env})
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stderr


def fingerprint(file):
    """As openssl says it: AB:CD:…"""
    done = subprocess.run(["openssl", "x509", "-in", str(file), "-noout", "-fingerprint", "-sha256"], capture_output=True, text=True, check=True)
    return done.stdout.strip().split("=")[1]


@pytest.fixture(scope="module")
def secure():
    p = tenon.Platform(None, "--tls", "self-signed")
    p.secret = p.sign_in()
    p.crt = pathlib.Path(p.data, "keys", "tls.crt")
    p.print = fingerprint(p.crt)
    yield p
    assert p.close() == 0, "".join(p.errors[-20:])


def test_a_certificate_nobody_vouches_for_is_refused_and_its_fingerprint_is_told(secure):
    said = cli(secure, "place", "list", code=76)
    assert said == (f"tenon: {secure.url}: nobody vouches for its certificate. Its SHA-256 fingerprint is {secure.print}: if that is what the platform "
                    "printed, give it as --fingerprint or TENON_FINGERPRINT, or its certificate (keys/tls.crt) as --ca\n")
    assert secure.print in cli(secure, "status", code=76, lang="zh") and "证书" in cli(secure, "status", code=76, lang="zh")


@pytest.mark.parametrize("write", [lambda p: p, str.lower, lambda p: p.replace(":", "")])
def test_with_the_fingerprint_it_is_trusted_however_that_is_written(secure, write):
    assert cli(secure, "status", "--fingerprint", write(secure.print)).startswith("version")
    assert cli(secure, "place", "list", "--output", "json", TENON_FINGERPRINT=write(secure.print)).strip().startswith("[")


def test_with_the_certificate_it_is_trusted(secure):
    assert cli(secure, "status", "--ca", str(secure.crt)).startswith("version")
    assert cli(secure, "status", TENON_CA=str(secure.crt)).startswith("version")
    assert cli(secure, "status", "--ca", str(secure.crt), "--fingerprint", secure.print).startswith("version")


def test_another_fingerprint_is_refused_with_both_shown(secure):
    other = ":".join(["A5"] * 32)
    said = cli(secure, "place", "create", "code=x", "name=x", "--fingerprint", other, code=76)
    assert said == f"tenon: {secure.url} shows another certificate: its SHA-256 fingerprint is {secure.print}, not {other}\n"
    said = cli(secure, "place", "list", "--fingerprint", other, code=76, lang="zh")
    assert secure.print in said and other in said and "指纹" in said
    assert '"x"' not in cli(secure, "place", "list", "--output", "json", "--fingerprint", secure.print)     # nothing was sent
    said = cli(secure, "place", "list", "--ca", str(secure.crt), "--fingerprint", other, code=76)           # the tighter of both counts
    assert secure.print in said


def test_another_authority_is_refused(secure, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "k", "-out", "ca.pem",
                    "-subj", "/CN=others", "-days", "9"], cwd=tmp_path, capture_output=True, check=True)
    assert secure.print in cli(secure, "status", "--ca", str(tmp_path / "ca.pem"), code=76)
    assert "ca.pem" in cli(secure, "status", "--ca", str(tmp_path / "no-ca.pem"), code=76).replace("no-ca.pem", "ca.pem")


def test_what_cannot_be_a_fingerprint_or_has_none_is_said(secure):
    said = cli(secure, "status", "--fingerprint", "AB:CD", code=65)
    assert "fingerprint" in said and "AB:CD" in said
    plain = secure.url.replace("https", "http")
    said = cli(secure, "status", "--server", plain, "--fingerprint", secure.print, code=64)
    assert "https" in said


def test_an_authority_of_the_plant(tmp_path):
    """A certificate for another name is not taken with --ca alone, and is with its fingerprint."""
    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=tmp_path, capture_output=True, check=True)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=plant", "-days", "9")
    for name, alternative in (("good", "IP:127.0.0.1"), ("named", "DNS:elsewhere.example")):
        (tmp_path / "ext").write_text(f"subjectAltName={alternative}\n")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "ext", "-days", "9", "-out", f"{name}.pem")
    p = tenon.Platform(str(tmp_path / "data"), "--tls", "files", "--certificate", str(tmp_path / "good.pem"), "--key", str(tmp_path / "good.key"))
    p.secret = p.sign_in()
    assert cli(p, "status", "--ca", str(tmp_path / "ca.pem")).startswith("version")
    assert p.stop() == 0
    p = tenon.Platform(str(tmp_path / "data"), "--tls", "files", "--certificate", str(tmp_path / "named.pem"), "--key", str(tmp_path / "named.key"))
    p.secret = p.sign_in(name="second")
    assert cli(p, "status", "--ca", str(tmp_path / "ca.pem"), code=76)
    assert cli(p, "status", "--fingerprint", fingerprint(tmp_path / "named.pem")).startswith("version")
    assert p.stop() == 0


def test_live_values_come_over_it_too(secure):
    lines = pathlib.Path(secure.data, "lines")
    lines.write_text("boiler temp=81.5\n")
    cli(secure, "write", str(lines), "--fingerprint", secure.print)
    out = cli(secure, "live", "boiler/temp", "--count", "1", "--fingerprint", secure.print)
    assert "81.5" in out
    said = cli(secure, "live", "boiler/temp", "--count", "1", "--fingerprint", ":".join(["00"] * 32), code=76)
    assert secure.print in said
