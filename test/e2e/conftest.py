import pytest

import tenon


@pytest.fixture(scope="module")
def platform():
    p = tenon.Platform()
    yield p
    assert p.close() == 0, "".join(p.errors[-20:])
