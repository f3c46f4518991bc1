#!/usr/bin/env python3
"""Made-up houses, each with one breach; the checker must name that breach and nothing else."""
import importlib.machinery
import importlib.util
import os
import tempfile
import unittest

loader = importlib.machinery.SourceFileLoader("check_layers", os.path.join(os.path.dirname(os.path.abspath(__file__)), "check-layers"))
check_layers = importlib.util.module_from_spec(importlib.util.spec_from_loader("check_layers", loader))
loader.exec_module(check_layers)

FLOORS = """# a house
base

sys
proto/*

rec

io

store
wal

link
link/south/*

api
wall sqlite3.h store
wall wslay/ io
door link/driver.h link/south/*
pure base proto/*
"""


class Layers(unittest.TestCase):
    def check(self, files, floors=FLOORS):
        with tempfile.TemporaryDirectory() as root:
            for path, text in {"FLOORS": floors, **files}.items():
                full = os.path.join(root, "src", path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "w", encoding="utf-8") as f:
                    f.write(text)
            return check_layers.check(root)

    def one(self, path, include, words):
        got = self.check({path: f"/* caption */\n\n#include {include}\n"})
        self.assertEqual(len(got), 1, got)
        self.assertTrue(got[0].startswith(f"src/{path}:3: "), got)
        self.assertIn(words, got[0])

    def fine(self, path, include):
        self.assertEqual(self.check({path: f"#include {include}\n"}), [])

    def test_a_good_house_is_silent(self):
        self.assertEqual(self.check({
            "base/buf.c": '#include "base/buf.h"\n#include <stdint.h>\n', "sys/log.c": '#include "base/buf.h"\n#include <stdio.h>\n',
            "store/store.c": '#include <sqlite3.h>\n#include "rec/rec_json.h"\n#include "io/io.h"\n#include "store/inside.h"\n',
            "link/south/modbus/plan.c": '#include "link/driver.h"\n#include "link/link.h"\n#include "proto/modbus/modbus.h"\n',
            "api/api.c": '#include "link/link.h"\n', "io/ws.c": "#include <wslay/wslay.h>\n"}), [])

    def test_an_arrow_upward_is_named(self):
        self.one("rec/rec.c", '"store/store.h"', "rec stands below store")
        self.one("base/buf.c", '"sys/sys.h"', "base stands below sys")
        self.one("link/link.c", '"api/api.h"', "link stands below api")

    def test_siblings_on_one_floor_do_not_meet(self):
        self.one("wal/wal.c", '"store/store.h"', "wal and store are siblings")
        self.one("proto/mqtt/mqtt.c", '"proto/modbus/modbus.h"', "proto/mqtt and proto/modbus are siblings")
        self.one("sys/sys.c", '"proto/modbus/modbus.h"', "siblings")

    def test_children_never_meet_and_their_home_never_reaches_in(self):
        self.one("link/south/modbus.c", '"link/south/mqtt.h"', "link/south/modbus and link/south/mqtt are siblings")
        self.one("link/link.c", '"link/south/modbus.h"', "siblings")
        self.fine("link/south/modbus_plan.c", '"link/south/modbus.h"')

    def test_a_child_knows_its_home_by_its_doors_only(self):
        self.fine("link/south/modbus.c", '"link/link.h"')
        self.fine("link/south/modbus.c", '"link/driver.h"')
        self.one("link/south/modbus.c", '"link/engine.h"', "link has one door, link/link.h")
        self.one("api/api.c", '"link/driver.h"', "link has one door")

    def test_a_module_has_one_door(self):
        self.one("link/link.c", '"store/pages.h"', "store has one door, store/store.h")
        self.one("link/link.c", '"proto/modbus/crc.h"', "proto/modbus has one door, proto/modbus/modbus.h")
        self.one("link/link.c", '"store/queries.def"', "store has one door")

    def test_open_houses_have_no_door(self):
        self.fine("store/store.c", '"base/buf.h"')
        self.fine("store/store.c", '"rec/rec_json.h"')

    def test_a_library_has_its_wall(self):
        self.one("wal/wal.c", "<sqlite3.h>", "behind the wall of store")
        self.one("api/api.c", "<wslay/wslay.h>", "behind the wall of io")
        self.one("api/api.c", '"sqlite3.h"', "written from src/")

    def test_a_pure_module_knows_no_system(self):
        self.one("base/buf.c", "<stdio.h>", "base is pure")
        self.one("proto/modbus/modbus.c", "<string.h>", "proto/modbus is pure")
        self.fine("proto/modbus/modbus.c", "<stdint.h>")

    def test_an_unlisted_module_is_a_breach(self):
        got = self.check({"cellar/wine.c": "\n"})
        self.assertEqual(got, ["src/cellar/wine.c:1: cellar is not listed in src/FLOORS"])
        self.one("api/api.c", '"cellar/cellar.h"', "belongs to no module")

    def test_includes_are_written_from_src(self):
        self.one("store/store.c", '"inside.h"', "written from src/")
        self.one("store/store.c", '"../wal/wal.h"', "written from src/")

    def test_a_test_reaches_inside_its_own_module_and_uses_sys_and_io(self):
        self.fine("base/buf_test.c", '"tap.h"')
        self.fine("base/buf_test.c", '"sys/sys.h"')
        self.fine("proto/modbus/modbus_test.c", '"io/io.h"')
        self.fine("wal/wal_test.c", "<sqlite3.h>")
        self.fine("base/num_test.c", "<math.h>")
        self.one("wal/wal_test.c", '"store/store.h"', "siblings")
        self.one("base/buf_test.c", '"io/inside.h"', "base stands below io")
        self.one("store/store.c", '"tap.h"', "written from src/")

    def test_spaces_and_comments_do_not_hide_an_include(self):
        got = self.check({"rec/rec.c": '\t#  include   "store/store.h" /* why */\n'})
        self.assertEqual(got, ["src/rec/rec.c:1: rec stands below store"])

    def test_a_wrong_list_is_said(self):
        self.assertEqual(self.check({}, "base\n\nbase\n"), ["src/FLOORS:3: base is listed twice"])
        self.assertEqual(self.check({}, "base\nwall sqlite3.h\n"), ["src/FLOORS:2: not understood: wall sqlite3.h"])
        self.assertEqual(check_layers.check("/nonexistent"), ["src/FLOORS: No such file or directory"])


if __name__ == "__main__":
    unittest.main()
