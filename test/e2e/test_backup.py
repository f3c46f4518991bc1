"""Peers: GNU tar, sha256sum. A backup taken while samples and records arrive, and a platform made from it."""
import os
import subprocess
import threading

import pytest

import tenon

START = 1700000000000000000


def run(*args, **env):
    return subprocess.run([tenon.PROGRAM, *args], capture_output=True, text=True, timeout=120, env={**os.environ, "TENON_LANG": "en", **env})


class Load(threading.Thread):
    """Writes samples and records without a pause; counts what was acknowledged."""

    def __init__(self, platform):
        super().__init__()
        self.platform, self.acknowledged, self.places, self.over, self.failed = platform, 0, 0, threading.Event(), None

    def run(self):
        try:
            while not self.over.is_set():
                i = self.acknowledged
                lines = "".join(f"load,n={k} v={i + k / 16} {START + i * 1000000}\n" for k in range(16))
                status, _, body = self.platform.call("POST", "/api/v1/write", lines)
                assert status == 204, body
                self.acknowledged = i + 1
                if i % 8 == 0:
                    self.platform.make("places", code=f"p{i}", name=f"厂 {i}", level="site")
                    self.places += 1
        except Exception as e:
            self.failed = e


def samples(platform, k):
    series = platform.query([f"load,n={k}/v"], "2023-11-14T00:00:00Z", "2024-06-01T00:00:00Z")[f"load,n={k}/v"]
    return dict(zip(series["t"], series["v"]))


def records(platform):
    out = {}
    for noun in ("places", "connections", "devices", "groups", "points", "roles"):
        items, cursor = [], ""
        while cursor is not None:
            status, _, body = platform.call("GET", f"/api/v1/{noun}?limit=1000{cursor and '&cursor=' + cursor}")
            assert status == 200, body
            items += body["items"]
            cursor = body.get("next")
        out[noun] = {i["id"]: i for i in items}
    return out


def test_nothing_that_lies_in_its_way_is_written_into(tmp_path):
    p = tenon.Platform(str(tmp_path / "data"))
    victim, part = tmp_path / "victim", tmp_path / "b.tar.part"
    victim.write_text("whole")
    part.symlink_to(victim)
    done = run("backup", str(tmp_path / "b.tar"), "--data", p.data)
    assert done.returncode == 0, done.stderr
    assert victim.read_text() == "whole" and (tmp_path / "b.tar").stat().st_mode & 0o777 == 0o600 and not (tmp_path / "b.tar").is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["b.tar", "b.tar.part", "data", "victim"]
    p.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A platform under load, and two backups of it: with and without keys."""
    d = tmp_path_factory.mktemp("backup")
    (d / "pw").write_text("correct horse\nbattery\n")
    p = tenon.Platform(str(d / "data"), "--head", "1 MB")          # it flushes while it is saved
    p.token = p.sign_in()
    load = Load(p)
    load.start()
    tenon.wait_for(lambda: load.acknowledged >= 30 or load.failed, 60, "some load")
    before, places = load.acknowledged, load.places
    done = run("backup", str(d / "b.tar"), "--data", p.data, "--passphrase-file", str(d / "pw"))
    after = load.acknowledged
    bare = run("backup", str(d), "--data", p.data)
    load.over.set()
    load.join()
    assert load.failed is None, load.failed
    assert done.returncode == 0 and bare.returncode == 0, done.stderr + bare.stderr
    original = {k: samples(p, k) for k in (0, 7, 15)}
    kept = records(p)
    assert p.stop() == 0
    assert not os.listdir(d / "data" / "tmp")
    return dict(dir=d, token=p.token, before=before, after=after, places=places, original=original, records=kept)


def test_what_is_restored_is_what_was_acknowledged_and_nothing_else(made):
    d = made["dir"]
    done = run("restore", str(d / "b.tar"), "--data", str(d / "again"), "--passphrase-file", str(d / "pw"))
    assert done.returncode == 0 and "with keys" in done.stdout, done.stderr
    p = tenon.Platform(str(d / "again"))
    p.token = made["token"]                                         # it is known there, too
    for k, was in made["original"].items():
        got = samples(p, k)
        assert all(was[t] == v for t, v in got.items())             # nothing that was not written
        first = [START // 1000 + i * 1000 for i in range(made["before"])]
        assert all(t in got for t in first)                         # all that was acknowledged before it began
        assert len(got) <= made["after"] + 1
        assert sorted(got) == [START // 1000 + i * 1000 for i in range(len(got))]      # up to one moment, without a hole
    got = records(p)
    for noun, items in got.items():
        for ident, item in items.items():
            assert made["records"][noun][ident] == item
    assert made["places"] <= len(got["places"]) <= len(made["records"]["places"])
    assert len(got["points"]) == 16
    status, _, body = p.call("POST", "/api/v1/write", f"load,n=0 v=-1 {START - 1000000}\n")
    assert status == 204, body                                      # and it goes on
    assert samples(p, 0)[START // 1000 - 1000] == -1
    assert p.stop() == 0
    done = run("audit", "verify", "--data", str(d / "again"))
    assert done.returncode == 0 and done.stdout.count("whole") == 2, done.stdout


def test_other_tools_read_it(made):
    d = made["dir"] / "unpacked"
    d.mkdir()
    subprocess.run(["tar", "xf", str(made["dir"] / "b.tar"), "-C", str(d)], check=True)
    assert subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=d, capture_output=True).returncode == 0
    files = {str(f.relative_to(d)) for f in d.rglob("*") if f.is_file()}
    listed = {line.split("  ")[1] for line in (d / "SHA256SUMS").read_text().splitlines()}
    assert files == listed | {"SHA256SUMS"} and "keys.sealed" in files
    assert (d / "BACKUP").read_text().startswith("tenon backup 1\nversion ")
    key = (made["dir"] / "data" / "keys" / "guard.key").read_bytes()
    assert not any(key in (d / f).read_bytes() for f in files)
    bare = next(made["dir"].glob("tenon-*.tar"))
    assert "keys.sealed" not in subprocess.run(["tar", "tf", str(bare)], capture_output=True, text=True).stdout


def test_without_keys_it_says_what_is_missing_and_runs_with_the_old_ones(made):
    d = made["dir"]
    done = run("restore", str(next(d.glob("tenon-*.tar"))), "--data", str(d / "bare"))
    assert done.returncode == 0 and "put the keys of the old data folder" in done.stdout
    assert not (d / "bare" / "keys").exists()
    (d / "bare" / "keys").mkdir(mode=0o700)
    (d / "bare" / "keys" / "guard.key").write_bytes((d / "data" / "keys" / "guard.key").read_bytes())
    assert run("audit", "verify", "--data", str(d / "bare")).returncode == 0


@pytest.mark.parametrize("what,code,sentence", [
    ("passphrase", 77, "the passphrase is not the one the keys are sealed with"),
    ("damaged", 65, "the backup is damaged"), ("cut", 65, "the backup is damaged: it ends too early"),
    ("there", 65, "a data folder with path"), ("nothing", 66, "there is no file")])
def test_what_cannot_be_restored_is_one_sentence_and_leaves_nothing(made, tmp_path, what, code, sentence):
    good, bad, to = (made["dir"] / "b.tar").read_bytes(), tmp_path / "bad.tar", tmp_path / "to"
    env = {"TENON_PASSPHRASE": "correct horse"}
    if what == "damaged":
        at = good.index(b"SQLite format 3") + 5000
        bad.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])
    elif what == "cut":
        bad.write_bytes(good[:len(good) // 2])
    elif what != "nothing":
        bad.write_bytes(good)
    if what == "passphrase":
        env = {"TENON_PASSPHRASE": "wrong"}
    if what == "there":
        to.mkdir()
        (to / "mine").write_text("x")
    done = run("restore", str(bad), "--data", str(to), **env)
    assert done.returncode == code and sentence in done.stderr, (done.returncode, done.stderr)
    assert sorted(f.name for f in tmp_path.iterdir() if f != bad) == (["to"] if what == "there" else [])


def test_a_backup_never_replaces_a_file_and_needs_a_data_folder(made, tmp_path):
    there = tmp_path / "b.tar"
    there.write_text("mine")
    done = run("backup", str(there), "--data", str(made["dir"] / "data"))
    assert done.returncode == 65 and f"a file with path {there} exists already" in done.stderr
    assert there.read_text() == "mine"
    done = run("backup", str(tmp_path / "x.tar"), "--data", str(tmp_path / "no"))
    assert done.returncode == 66 and "there is no data folder" in done.stderr
    assert list(tmp_path.iterdir()) == [there]
