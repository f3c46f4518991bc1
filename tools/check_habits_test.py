#!/usr/bin/env python3
"""One made-up file a habit."""
import importlib.machinery
import importlib.util
import os
import tempfile
import unittest

loader = importlib.machinery.SourceFileLoader("check_habits", os.path.join(os.path.dirname(os.path.abspath(__file__)), "check-habits"))
check_habits = importlib.util.module_from_spec(importlib.util.spec_from_loader("check_habits", loader))
loader.exec_module(check_habits)


class Habits(unittest.TestCase):
    def check(self, files):
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                full = os.path.join(root, path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "wb") as f:
                    f.write(text if isinstance(text, bytes) else text.encode())
            return check_habits.check(root)

    def one(self, path, text, words):
        got = self.check({"src/m/README.md": "m\n", path: text})
        self.assertEqual(len(got), 1, got)
        self.assertTrue(got[0].startswith(path), got)
        self.assertIn(words, got[0])

    def test_a_module_has_a_readme(self):
        self.assertEqual(self.check({"src/m/a.c": "\n"}), ["src/m: has no README.md"])
        self.assertEqual(self.check({"src/m/a.c": "\n", "src/m/README.md": "m\n", "src/m/south/x/y.c": "\n"}), [])
        self.one("src/m/README.md", "m\n" * 121, "121 lines, at most 120")

    def test_what_stands_twice_is_a_breach(self):
        self.one("src/m/meson.build", "lib_sources += files('a.c')\nlib_sources += files('b.c',\n  'a.c')\n", "a stands here twice")
        self.one("src/base/terms.def", 'TERM(a, "a", "甲")\nTERM(b, "b", "乙")\nTERM(a, "c", "丙")\n', "a stands here twice")

    def test_a_header_nobody_includes_is_a_breach(self):
        self.one("src/m/a.h", "\n", "nobody includes it")
        self.assertEqual(self.check({"src/m/README.md": "m\n", "src/m/a.h": "\n", "src/m/b.c": '#include "m/a.h"\n'}), [])

    def test_a_promise_is_a_breach(self):
        self.one("src/m/a.c", "/* TO" + "DO: later */\n", "promises")
        self.one("web/a.ts", "// FIX" + "ME\n", "promises")
        self.assertEqual(self.check({"web/a.ts": "const todo = 'XXXL';\n"}), [])

    def test_a_machine_path_is_a_breach(self):
        self.one("docs/a.md", "see /wo" + "rk/main\n", "machine's path")
        self.assertEqual(self.check({"docs/a.md": "src/work/x and $top/work/ and //work/\n"}), [])

    def test_a_registry_host_is_a_breach(self):
        self.one("tools/a", "curl https://py" + "pi.org/simple\n", "registry's host")

    def test_banned_calls_are_found_in_code_only(self):
        self.one("src/m/a.c", "int f(void)\n{\n\treturn ato" + "i(x);\n}\n", "atoi() is banned")
        self.assertEqual(self.check({"src/m/README.md": "m\n", "src/m/a.c": '/* strcpy(x) */ const char *s = "gets(";\nint n = b->gets(1) + my_rand(2);\n'}), [])

    def test_text_is_clean(self):
        self.one("src/m/a.c", "int x; \n", "space at the end")
        self.one("src/m/a.c", "int x;", "no newline")
        self.one("src/m/a.c", b"\xff\n", "not UTF-8")


if __name__ == "__main__":
    unittest.main()
