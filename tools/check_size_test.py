#!/usr/bin/env python3
"""Made-up files at each limit and one past it."""
import importlib.machinery
import importlib.util
import os
import shutil
import tempfile
import unittest

loader = importlib.machinery.SourceFileLoader("check_size", os.path.join(os.path.dirname(os.path.abspath(__file__)), "check-size"))
check_size = importlib.util.module_from_spec(importlib.util.spec_from_loader("check_size", loader))
loader.exec_module(check_size)


def function(lines, params="void", body="\tx++;\n"):
    return f"int f({params})\n{{\n" + body * (lines - 3) + "}\n"


class Size(unittest.TestCase):
    def check(self, path, text):
        with tempfile.TemporaryDirectory() as root:
            full = os.path.join(root, path)
            os.makedirs(os.path.dirname(full))
            with open(full, "w", encoding="utf-8") as f:
                f.write(text)
            return check_size.check(root)

    def fine(self, path, text):
        self.assertEqual(self.check(path, text), ([], []))

    def warns(self, path, text, words):
        wrong, warned = self.check(path, text)
        self.assertEqual((wrong, len(warned)), ([], 1), (wrong, warned))
        self.assertIn(words, warned[0])

    def fails(self, path, text, words):
        wrong, warned = self.check(path, text)
        self.assertEqual((len(wrong), warned), (1, []), (wrong, warned))
        self.assertIn(words, wrong[0])

    def test_the_length_of_a_file(self):
        self.fine("src/m/a.c", "\n" * 800)
        self.warns("src/m/a.c", "\n" * 801, "801 lines, aim at 800")
        self.fails("src/m/a.c", "\n" * 1201, "1201 lines, at most 1200")
        self.fails("tools/long", "\n" * 1201, "1201 lines")

    def test_the_length_of_a_header(self):
        self.fine("src/m/m.h", "\n" * 200)
        self.warns("src/m/m.h", "\n" * 201, "aim at 200")
        self.fails("src/m/m.h", "\n" * 401, "at most 400")

    def test_tables_and_tests_are_exempt(self):
        for path in ("src/m/a.def", "src/m/a_test.c", "src/m/a_table.c", "src/m/a_gen.c", "web/test/a.ts", "web/node_modules/a/a.c"):
            self.fine(path, "\n" * 5000)

    @unittest.skipUnless(shutil.which("pmccabe"), "no pmccabe here")
    def test_the_length_of_a_function(self):
        self.fine("src/m/a.c", function(78))
        self.warns("src/m/a.c", function(100), "aim at 80")
        self.fails("src/m/a.c", function(130), "at most 120")

    @unittest.skipUnless(shutil.which("pmccabe"), "no pmccabe here")
    def test_complexity(self):
        self.fine("src/m/a.c", function(27, body="\tif (x) x++;\n"))
        self.fails("src/m/a.c", function(28 + 1, body="\tif (x) x++;\n"), "complexity 27, at most 25")
        self.fine("src/m/a.c", "int f(int x)\n{\n\tswitch (x) {\n" + "".join(f"\tcase {i}: return 1;\n" for i in range(60)) +
                  "\t}\n\treturn 0;\n}\n")

    @unittest.skipUnless(shutil.which("pmccabe"), "no pmccabe here")
    def test_the_number_of_parameters(self):
        six = "int a, int b, int c, int d, int e, int (*g)(int, int)"
        self.fine("src/m/a.c", function(5, six))
        self.fails("src/m/a.c", function(5, six + ", int h"), "7 parameters, at most 6")
        self.fine("src/m/a.c", function(5, "int a /* b, c, d, e, f, g, h */"))

    @unittest.skipUnless(shutil.which("pmccabe"), "no pmccabe here")
    def test_a_callback_of_a_librarys_type_is_excepted(self):
        text = function(5, "int a, int b, int c, int d, int e, int f, int g").replace("int f(", "int handle(")
        self.fine("src/io/http_mhd.c", text)
        self.fails("src/io/other.c", text, "7 parameters")

    def test_a_definition_over_several_lines_is_counted(self):
        self.assertEqual(check_size.count_parameters("static int\nf(int a,\n  struct { int x, y; } b,\n  char c[2])\n{", "f"), 3)
        self.assertEqual(check_size.count_parameters("int f(void)\n{", "f"), 0)
        self.assertEqual(check_size.count_parameters("int f()\n{", "f"), 0)


if __name__ == "__main__":
    unittest.main()
