"""Peer: prometheus 2.42 (Debian 12). It scrapes what prometheus_client 0.26.0 (PyPI) exposes and sends it on by remote_write: every sample it
holds itself is here too, equal in time and value, also after the platform was killed (-9) meanwhile and Prometheus repeated what was not acknowledged."""
import json
import math
import os
import shutil
import signal
import subprocess
import time
import urllib.parse
import urllib.request

import pytest

import tenon

PROMETHEUS = shutil.which("prometheus")
client = pytest.importorskip("prometheus_client")
pytestmark = pytest.mark.skipif(not PROMETHEUS, reason="no prometheus (tools/setup test)")


class Peer:
    def __init__(self, folder, target, platform_url, token):
        self.port = tenon.free_ports()
        (folder / "prometheus.yml").write_text(json.dumps({
            "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms"},
            "scrape_configs": [{"job_name": "made", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}],
            "remote_write": [{"url": platform_url, "authorization": {"credentials": token},
                              "queue_config": {"min_backoff": "30ms", "max_backoff": "200ms", "batch_send_deadline": "200ms", "max_shards": 2}}]}))
        self.child = subprocess.Popen([PROMETHEUS, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
                                       f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn"], stderr=open(folder / "log", "w", encoding="utf-8"))

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as answer:
            return json.loads(answer.read())

    def ready(self):
        try:
            return self.get("/api/v1/status/runtimeinfo")["data"]
        except OSError:
            return None

    def held(self):
        """{labels: [(ms, value)]} of all it scraped, stale markers not among them."""
        answer = self.get("/api/v1/query?query=" + urllib.parse.quote('{job="made"}[1h]'))["data"]["result"]
        return {tuple(sorted(s["metric"].items())): [(round(t * 1000), float(v)) for t, v in s["values"]] for s in answer}


def path_of(labels):
    def word(s):
        return "".join(f"%{ord(c):02X}" if c in "%,=/\\" or ord(c) < 32 else c for c in s)
    labels = dict(labels)
    head = "".join(f",{k}={word(labels[k])}" for k in ("instance", "job"))
    rest = "".join(f",{word(k)}={word(v)}" for k, v in sorted(labels.items()) if k not in ("instance", "job", "__name__"))
    return f"prometheus{head}/{word(labels['__name__'])}{rest}"


def same(a, b):
    return a == b or (math.isnan(a) and math.isnan(b))


def missing(platform, held):
    """What the peer holds and the platform does not: a text, or nothing."""
    paths = {path_of(labels): samples for labels, samples in held.items()}
    got = {}
    for i in range(0, len(paths), 50):
        try:
            got.update(platform.query(sorted(paths)[i:i + 50], "now-1h", "now"))
        except AssertionError as e:
            return str(e)
    for path, samples in paths.items():
        s = got.get(path, {"t": [], "v": []})
        have = {t: None if v is None else float(v) for t, v in zip(s["t"], s["v"])}
        if len(have) != len(s["t"]):
            raise AssertionError(f"{path}: a time twice")
        for ms, value in samples:
            v = have.get(ms * 1000)
            if v is None or not same(v, value):
                return f"{path} at {ms}: {value} became {v}"
    return None


def test_all_that_prometheus_scraped_is_here(tmp_path):
    registry = client.CollectorRegistry()
    odd = client.Gauge("odd_values", "Values that are no numbers", ["kind"], registry=registry)
    odd.labels("nan").set(math.nan)
    odd.labels("inf").set(math.inf)
    odd.labels("a/b,c=d %").set(-0.0)
    count = client.Counter("made_things", "Things made", ["line"], registry=registry)
    took = client.Histogram("took_seconds", "How long it took", registry=registry)
    server, thread = client.start_http_server(0, "127.0.0.1", registry)
    data = str(tmp_path / "data")
    port = tenon.free_ports()
    p = tenon.Platform(data, "--listen", f"127.0.0.1:{port}")
    token = p.token = p.sign_in()
    peer = Peer(tmp_path, server.server_port, f"http://127.0.0.1:{port}/api/v1/prometheus/write", token)
    try:
        tenon.wait_for(peer.ready, 60, "Prometheus is ready")

        def scraped(n):
            for line in range(5):
                count.labels(str(line)).inc(line + 0.25)
            took.observe(time.monotonic() % 3)
            held = peer.held()
            return held if held and max(len(s) for s in held.values()) >= n else None
        tenon.wait_for(lambda: scraped(5), 60, "five scrapes")
        tenon.wait_for(lambda: missing(p, peer.held()) is None, 60, "the platform has them")
        before = max(len(s) for s in peer.held().values())
        p.stop(signal.SIGKILL)
        tenon.wait_for(lambda: scraped(before + 5), 60, "five scrapes nobody took")
        p = tenon.Platform(data, "--listen", f"127.0.0.1:{port}")
        p.token = token
        tenon.wait_for(lambda: scraped(before + 10), 60, "five scrapes more")
        server.shutdown()                                   # the target is gone: the peer sends stale markers
        server.server_close()
        thread.join()
        up = f"prometheus,instance=127.0.0.1:{server.server_port},job=made/up"
        gone = f"prometheus,instance=127.0.0.1:{server.server_port},job=made/made_things_total,line=0"
        tenon.wait_for(lambda: p.query([up])[up]["v"][-1:] == [0], 60, "the platform knows that it is down")
        tenon.wait_for(lambda: p.query([gone])[gone]["v"][-1:] == [None], 60, "a series ended, by a sample without value")
        assert p.query([gone])[gone]["q"][-1] == 0x80310000
        held = peer.held()
        assert len(held) > 30
        tenon.wait_for(lambda: missing(p, held) is None, 60, "all of it is here")
        metrics = urllib.request.urlopen(f"http://127.0.0.1:{peer.port}/metrics", timeout=20).read().decode()
        failed = [line for line in metrics.splitlines() if line.startswith("prometheus_remote_storage_samples_failed_total{")]
        assert failed and all(line.endswith(" 0") for line in failed), failed
    finally:
        peer.child.terminate()
        peer.child.wait(30)
        p.stop()
    assert os.path.getsize(tmp_path / "log") < 100_000
