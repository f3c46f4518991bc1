"""Certificates with the dates one asks for: OpenSSL's own small authority (openssl-ca), since `req -days` takes no past."""
import datetime
import subprocess


def self_signed(folder, begins_in_days, ends_in_days, cert="c.pem", key="k.pem", names="DNS:plant.example,IP:192.0.2.9"):
    now = datetime.datetime.now(datetime.timezone.utc)
    begin, end = ((now + datetime.timedelta(days=d)).strftime("%Y%m%d%H%M%SZ") for d in (begins_in_days, ends_in_days))
    ca = folder / "openssl-ca"
    ca.mkdir(exist_ok=True)
    (ca / "index").write_text("")
    (ca / "index.attr").write_text("unique_subject = no\n")
    (ca / "conf").write_text(f"[ca]\ndefault_ca = own\n[own]\ndatabase = {ca}/index\nnew_certs_dir = {ca}\nrand_serial = yes\ndefault_md = sha256\n"
                             f"policy = any\nx509_extensions = for\n[any]\ncommonName = supplied\n[for]\nsubjectAltName = {names}\n")

    def openssl(*args):
        done = subprocess.run(["openssl", *args], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", str(ca / "csr"), "-subj", "/CN=plant")
    openssl("ca", "-batch", "-selfsign", "-config", str(ca / "conf"), "-keyfile", key, "-in", str(ca / "csr"), "-out", cert, "-notext",
            "-startdate", begin, "-enddate", end)
