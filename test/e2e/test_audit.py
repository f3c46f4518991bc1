"""The audit as an attacker with the database leaves it: entries changed, removed, swapped, cut off. The verification names the first bad
one. SQLite's own module (Python), or psql, is the attacker's tool; the marks in the log stand against who puts an older sealed head back, too."""
import shutil
import subprocess

import pytest

import tenon

BASE = "/api/v1"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A data folder with some history, closed: {folder, head: the sealed head some entries ago}."""
    data = tmp_path_factory.mktemp("audit") / "data"
    p = tenon.Platform(str(data))
    store = data / "tenants" / "1" / "store.db"
    for i in range(12):
        p.make("places", code=f"place {i}")
        if i == 5:
            shutil.copy(str(store) + ".head", data / "older.head")
    token = p.token
    assert p.close() == 0
    return {"data": data, "token": token}


def verify(data):
    done = subprocess.run([tenon.PROGRAM, "audit", "verify", "--data", str(data)], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout


def attacked(whole, tmp_path, *statements, older_head=False):
    data = tenon.copy(whole["data"], tmp_path / "data")
    if statements:
        tenon.sql(data, 1, *statements)
    if older_head:
        shutil.copy(data / "older.head", data / "tenants" / "1" / "store.db.head")
    return data


def test_an_untouched_chain_is_whole(whole):
    code, said = verify(whole["data"])
    assert code == 0 and said.count("whole") == 2, said


@pytest.mark.parametrize("statements,first,why", [
    (["UPDATE audit SET name = 'nobody' WHERE seq = 4"], 4, "was changed"),
    (["UPDATE audit SET changes = replace(changes, 'place 4', 'place 9') WHERE seq = 5"], 5, "was changed"),
    (["UPDATE audit SET time = time + 1 WHERE seq = 7"], 7, "was changed"),
    (["DELETE FROM audit WHERE seq = 6"], 6, "is missing"),
    (["DELETE FROM audit WHERE seq = 1"], 1, "is missing"),
    (["UPDATE audit SET seq = -1 WHERE seq = 3", "UPDATE audit SET seq = 3 WHERE seq = 8", "UPDATE audit SET seq = 8 WHERE seq = -1"], 3, "follow"),
    (["DELETE FROM audit WHERE seq > 9"], 10, "says there were more"),
])
def test_what_was_changed_removed_swapped_or_cut_is_named(whole, tmp_path, statements, first, why):
    code, said = verify(attacked(whole, tmp_path, *statements))
    assert code == 65 and f"entry {first} " in said and why in said, said


def test_a_cut_tail_is_found_although_an_older_head_was_put_back(whole, tmp_path):
    """What the mark in the log is for: the chain ends where the head says, and both are old."""
    data = attacked(whole, tmp_path, "DELETE FROM audit WHERE seq > 6", older_head=True)
    code, said = verify(data)
    assert code == 65 and "entry 7 is missing: a mark in the log of samples says there were more" in said, said
    # And it stays found when the platform went on from there: the numbers come again, the hashes do not.
    p = tenon.Platform(str(data))
    p.token = whole["token"]
    for i in range(9):
        p.make("places", code=f"later {i}")
    answer = p.call("GET", f"{BASE}/audit/verify")[2]
    assert answer["whole"] is False and answer["first_bad"] == 12 and "mark in the log" in answer["detail"], answer
    done = subprocess.run([tenon.PROGRAM, "audit", "verify", "--server", p.url, "--token", p.token], capture_output=True, text=True)
    assert done.returncode == 65 and "entry 12 " in done.stdout and "system" in done.stdout, done
    assert p.close() == 0


def test_marks_are_no_points(whole, tmp_path):
    data = attacked(whole, tmp_path)
    p = tenon.Platform(str(data))
    p.token = whole["token"]
    status, _, problem = p.call("POST", f"{BASE}/query", {"points": ["74656e6f-6e00-8061-8075-646974000001"], "from": "now-1h"})
    assert (status, problem["code"]) == (404, "missing")
    assert p.call("GET", f"{BASE}/values")[2]["items"] == []
    assert p.call("GET", f"{BASE}/audit/verify?store=system")[2]["whole"] is True
    assert p.close() == 0
