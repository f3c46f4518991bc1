import os
import pathlib

import pytest

import tenon

# Half a gigabyte of readers that only tools/reader-peers brings.
PEERS = pathlib.Path(os.environ.get("TENON_PEERS", tenon.ROOT / "build" / "peers"))
collect_ignore = [] if (PEERS / "parquet-java").exists() or os.environ.get("TENON_TEST_ALL") else ["test_other_readers.py"]


def pytest_configure(config):
    config.addinivalue_line("markers", "files: is about the files of the records, which are not there when they lie in PostgreSQL")


def pytest_collection_modifyitems(config, items):
    if os.environ.get("TENON_TEST_STORE") == "postgresql":
        items[:] = [i for i in items if not i.get_closest_marker("files")]


@pytest.fixture(scope="module")
def platform():
    p = tenon.Platform()
    yield p
    assert p.close() == 0, "".join(p.errors[-20:])
