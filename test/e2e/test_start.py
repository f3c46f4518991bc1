"""Peers: the kernel (permissions, a mount that is read-only, a disk without room). A start that cannot end well says one sentence, exits as sysexits.h
says, and leaves the folder as it found it."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

import tenon

ROOT = os.geteuid() == 0
NOBODY = 65534


def contents(data):
    """All but LOCK, which says who tried last."""
    return {str(p.relative_to(data)): hashlib.sha256(p.read_bytes()).hexdigest() if p.is_file() else "folder"
            for p in pathlib.Path(data).rglob("*") if p.name != "LOCK"}


@pytest.fixture(scope="module")
def lived():
    """Where everybody may look, with a program everybody may run: a data folder as a platform left it."""
    d = pathlib.Path(tempfile.mkdtemp(prefix="tenon-start-", dir="/tmp"))
    d.chmod(0o755)
    shutil.copy(tenon.PROGRAM, d / "tenon")
    p = tenon.Platform(str(d / "data"))
    assert p.call("POST", "/api/v1/write", "x,n=1 v=1 1000000000\n")[0] == 204
    assert p.stop() == 0
    yield d
    shutil.rmtree(d)


@pytest.fixture
def data(lived, tmp_path):
    return tenon.copy(lived / "data", tmp_path / "data")


def serve(data, before=(), program=tenon.PROGRAM, lang="en", **options):
    return subprocess.run([*before, str(program), "serve", "--data", str(data), "--listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "TENON_LANG": lang}, **options)


def is_refused(done, code, sentence):
    assert (done.returncode, done.stdout, done.stderr) == (code, "", f"tenon: {sentence}\n"), done


def as_nobody(data, lang="en"):
    """(what came of it, the user's name). As root: somebody else; else we are that somebody, and the folder is closed to ourselves."""
    if ROOT:
        before = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        return serve(data, before, data.parent / "tenon", lang), "nobody"
    return serve(data, lang=lang), subprocess.check_output(["id", "-un"], text=True).strip()


@pytest.mark.parametrize("lang,sentence", [("en", "user {user} may not read and write the data folder {data}"), ("zh", "用户 {user} 无权读写数据文件夹 {data}")])
def test_a_folder_of_somebody_else(lived, lang, sentence):
    data = lived / "data"
    before = contents(data)
    data.chmod(0o700 if ROOT else 0)
    try:
        done, user = as_nobody(data, lang)
    finally:
        data.chmod(0o750)
    is_refused(done, 77, sentence.format(user=user, data=data))
    assert contents(data) == before


def test_a_place_where_no_folder_can_be_made(lived, tmp_path):
    if ROOT:
        done, user = as_nobody(lived / "new")
        is_refused(done, 77, f"user {user} may not read and write the data folder {lived}/new")
    (tmp_path / "file").write_text("x")
    for where in (tmp_path / "file", tmp_path / "file" / "data"):
        is_refused(serve(where), 78, f"the data folder {where} cannot be there: {tmp_path}/file is no folder")
    assert not (lived / "new").exists() and (tmp_path / "file").read_text() == "x"


def mounted(script, *args):
    """In a mount namespace of its own: root's, or one where we are root. None: this machine does not let us."""
    if os.environ.get("TENON_TEST_NO_MOUNTS"):
        return None
    for unshare in (["unshare", "-m"], ["unshare", "-rm"]):
        if subprocess.run([*unshare, "sh", "-c", "mount -t tmpfs none /mnt"], capture_output=True).returncode == 0:
            return subprocess.run([*unshare, "sh", "-c", script, "sh", *map(str, args)], capture_output=True, text=True, timeout=60,
                                  env={**os.environ, "TENON_LANG": "en"})
    return None


# Where mounts are refused (a container without privileges): what the kernel says of the file system, said by the library in front of it.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#define SHIM(name, type) int name(const char *path, struct type *st) { \
	int (*next)(const char *, struct type *) = (int (*)(const char *, struct type *)) dlsym(RTLD_NEXT, #name); int r = next(path, st); \
	if (strcmp(getenv("SHIM"), "ro") == 0) st->f_flag |= ST_RDONLY; else st->f_bavail = st->f_bfree = 0; return r; }
SHIM(statvfs, statvfs)
SHIM(statvfs64, statvfs64)
"""


def pretended(data, what, tmp_path, monkeypatch):
    (tmp_path / "shim.c").write_text(SHIM)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(tmp_path / "shim.so"), str(tmp_path / "shim.c"), "-ldl"], check=True)
    monkeypatch.setenv("LD_PRELOAD", str(tmp_path / "shim.so"))
    monkeypatch.setenv("SHIM", what)
    return serve(data)


SERVE = 'exec "$2" serve --data "$3" --listen 127.0.0.1:0'


def test_a_folder_that_is_mounted_read_only(data, tmp_path, monkeypatch):
    before = contents(data)
    done = mounted('mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" || exit 99; ' + SERVE, data, tenon.PROGRAM, data)
    if done is None:
        done = pretended(data, "ro", tmp_path, monkeypatch)
    is_refused(done, 74, f"the data folder {data} lies on a file system that is mounted read-only")
    assert contents(data) == before


@pytest.mark.parametrize("old", [False, True])
def test_a_disk_without_room(data, old, tmp_path, monkeypatch):
    script = ('mount -t tmpfs -o size=16m none /mnt && cd /mnt || exit 99; [ "$4" = False ] || cp -a "$1" /mnt/data; '
              'find /mnt -type f ! -name LOCK -exec sha256sum {} + | sort >/tmp/$$; dd if=/dev/zero of=/mnt/fill bs=4k 2>/dev/null; '
              '"$2" serve --data "$3" --listen 127.0.0.1:0; code=$?; rm /mnt/fill; '
              'find /mnt -type f ! -name LOCK -exec sha256sum {} + | sort | cmp - /tmp/$$ || code=98; rm /tmp/$$; exit $code')
    done = mounted(script, data, tenon.PROGRAM, "/mnt/data", old)
    if done is not None:
        return is_refused(done, 74, "disk is full: /mnt/data")
    data, before = (data, contents(data)) if old else (tmp_path / "new", None)
    is_refused(pretended(data, "full", tmp_path, monkeypatch), 74, f"disk is full: {data}")
    assert (contents(data) if old else None) == before and data.exists() == old


def test_a_folder_of_a_newer_version(data):
    (data / "VERSION").write_text("2\n")
    before = contents(data)
    is_refused(serve(data), 78, f"{data} was written by a newer version (2); this is version 1")
    is_refused(serve(data, lang="zh"), 78, f"{data} 由更新的版本（2）写入；当前版本为 1")
    assert contents(data) == before


@pytest.mark.parametrize("store,name", [("system", "the system's store"), (1, "the store of tenant 1")])
def test_records_of_a_newer_version(data, store, name):
    tenon.sql(data, store, "UPDATE tenon_schema SET value = '77' WHERE key = 'migration'")
    before = contents(data)
    is_refused(serve(data), 78, f"{name} was written by a newer version (77); this is version 0")
    assert contents(data) == before


def test_records_with_a_column_of_a_newer_version(data):
    tenon.sql(data, 1, 'ALTER TABLE places ADD COLUMN "tomorrow" TEXT', "UPDATE tenon_schema SET value = '7' WHERE key = 'fingerprint'")
    before = contents(data)
    is_refused(serve(data), 78, "the store of tenant 1 was written by a newer version (tomorrow); this is version places")
    assert contents(data) == before


@pytest.mark.files
def test_a_damaged_store_is_a_refusal_too(data):
    (data / "tenants/1/store.db").write_bytes(b"no database" * 1000)
    before = contents(data)
    done = serve(data)
    assert done.returncode == 65 and done.stderr.startswith("tenon: store is damaged: ") and done.stderr.count("\n") == 1, done
    assert contents(data) == before


def test_a_folder_that_was_refused_starts_when_the_fault_is_gone(data):
    (data / "VERSION").write_text("2\n")
    assert serve(data).returncode == 78
    (data / "VERSION").write_text("1\n")
    p = tenon.Platform(str(data))
    p.token = p.sign_in(name="again")
    status, _, body = p.call("POST", "/api/v1/query", {"points": ["x,n=1/v"], "from": "1970-01-01T00:00:00Z", "to": "now"})
    assert status == 200 and body["series"][0]["v"] == [1], json.dumps(body)
    assert p.stop() == 0
