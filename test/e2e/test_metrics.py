"""Peer: the OpenMetrics parser of prometheus_client reads what /metrics says."""
import pytest

import tenon

parser = pytest.importorskip("prometheus_client.openmetrics.parser")
older = pytest.importorskip("prometheus_client.parser")


def scrape(p, accept="application/openmetrics-text; version=1.0.0", token=None):
    status, head, body = p.call("GET", "/metrics", headers={"Accept": accept}, token=token, raw=True)
    assert status == 200, body
    return head["Content-Type"], body.decode()


def read(text):
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for f in parser.text_string_to_metric_families(text) for s in f.samples}


def test_what_is_counted_is_openmetrics_and_moves(platform):
    before = read(scrape(platform)[1])
    assert platform.call("POST", "/api/v1/write", "counted v=1,w=2 \n".strip() + "\n", headers={"Content-Type": "text/plain"})[0] == 204
    assert platform.call("GET", "/api/v1/points/none")[0] == 404
    kind, text = scrape(platform)
    after = read(text)
    assert kind.startswith("application/openmetrics-text; version=1.0.0") and text.endswith("# EOF\n")
    assert after[("tenon_wal_samples_total", ())] == before[("tenon_wal_samples_total", ())] + 2
    assert after[("tenon_ingest_samples_total", ())] == before[("tenon_ingest_samples_total", ())] + 2
    written = ("tenon_http_requests_total", (("method", "POST"), ("route", "/write"), ("status", "2xx")))
    missing = ("tenon_http_requests_total", (("method", "GET"), ("route", "/{noun}/{id}"), ("status", "4xx")))
    assert after[written] == before.get(written, 0) + 1 and after[missing] == before.get(missing, 0) + 1
    count = ("tenon_http_request_duration_seconds_count", ())
    assert after[count] >= before[count] + 2
    assert after[("tenon_http_request_duration_seconds_bucket", (("le", "+Inf"),))] == after[count]
    assert after[("process_resident_memory_bytes", ())] > 1 << 20 and after[("process_open_fds", ())] > 5
    for module in ("wal", "tsdb", "ingest", "bus", "link", "store", "http", "work", "jobs"):
        assert any(name.startswith("tenon_" + module) for name, _ in after), module


def test_the_older_form_is_read_by_the_older_parser(platform):
    kind, text = scrape(platform, "text/plain; version=0.0.4")
    assert kind.startswith("text/plain") and "# EOF" not in text
    types = {f.name: f.type for f in older.text_string_to_metric_families(text)}
    assert types["tenon_wal_samples"] == "counter" and types["tenon_tsdb_series"] == "gauge" and types["tenon_http_request_duration_seconds"] == "histogram"


def test_figures_of_the_platform_need_the_right(platform):
    status = platform.call("GET", "/metrics", token=platform.sign_in(role="viewer", name="metrics-viewer"))[0]
    assert status == 403
    assert platform.call("GET", "/metrics", headers={"Authorization": ""})[0] == 401
