#!/usr/bin/env python3
"""The counting of run-tests: each kind of output it reads, well-behaved, failing, dying and silent."""
import contextlib
import importlib.machinery
import importlib.util
import io
import os
import tempfile
import unittest

loader = importlib.machinery.SourceFileLoader("run_tests", os.path.join(os.path.dirname(os.path.abspath(__file__)), "run-tests"))
run_tests = importlib.util.module_from_spec(importlib.util.spec_from_loader("run_tests", loader))
loader.exec_module(run_tests)


class Counting(unittest.TestCase):
    def setUp(self):
        self.runner = run_tests.Runner("build", 1)

    def counted(self):
        c = self.runner.count
        return c.passed, c.failed, c.skipped

    def tap(self, code, text):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            self.runner.tap("suite", code, text)
        self.said = out.getvalue()
        return self.counted()

    def test_tap_is_counted_test_by_test(self):
        self.assertEqual(self.tap(0, "1..3\nok 1 - a\nok 2 - b # SKIP no peer\nok 3 - c\n"), (2, 0, 1))
        self.assertIn("no peer", self.said)

    def test_a_failed_tap_test_comes_with_its_notes(self):
        self.assertEqual(self.tap(1, "1..2\nok 1 - a\n# x.c:7: got 1, want 2\nnot ok 2 - b\n"), (1, 1, 0))
        self.assertIn("got 1, want 2", self.said)

    def test_a_program_that_dies_is_one_failure_more(self):
        self.assertEqual(self.tap(-11, "1..9\nok 1 - a\n"), (1, 1, 0))

    def test_a_program_that_says_nothing_failed(self):
        self.assertEqual(self.tap(0, ""), (0, 1, 0))

    def test_a_program_that_has_nothing_to_do_is_skipped(self):
        self.assertEqual(self.tap(0, "1..0 # SKIP no compiler here\n"), (0, 0, 1))

    def test_tests_inside_a_test_do_not_count_twice(self):
        self.assertEqual(self.tap(0, "ok 1 - a\n    ok 1 - inner\n1..1\n"), (1, 0, 0))

    def junit(self, text, code):
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            path = os.path.join(folder, "x.xml")
            if text is not None:
                with open(path, "w", encoding="utf-8") as f:
                    f.write(text)
            self.runner.junit("e2e", path, code, "its output")
        return self.counted()

    def test_junit_is_counted_case_by_case(self):
        self.assertEqual(self.junit('<testsuites><testsuite><testcase name="a"/><testcase name="b"><failure>no</failure></testcase>'
                                    '<testcase name="c"><skipped message="no peer"/></testcase><testcase name="d"><error/></testcase>'
                                    '</testsuite></testsuites>', 1), (1, 2, 1))

    def test_a_suite_without_a_report_failed(self):
        self.assertEqual(self.junit(None, 2), (0, 1, 0))

    def test_a_suite_that_fails_although_no_case_did_failed(self):
        self.assertEqual(self.junit('<testsuite><testcase name="a"/></testsuite>', 3), (1, 1, 0))

    def test_a_suite_without_cases_counts_nothing_when_pytest_says_so(self):
        self.assertEqual(self.junit("<testsuite/>", 5), (0, 0, 0))

    def test_what_hangs_is_ended(self):
        self.runner = run_tests.Runner("build", 0)
        code, out = self.runner.run(["sh", "-c", "echo began; sleep 60"])
        self.assertEqual(code, 124)
        self.assertIn("out of time", out)

    def test_unittest_lines_are_read(self):
        m = run_tests.UNITTEST.match("test_x (mod.Case.test_x) ... ok")
        self.assertEqual((m[1], m[2]), ("test_x (mod.Case.test_x)", "ok"))
        self.assertEqual(run_tests.UNITTEST.match("test_y (a.B.test_y) ... skipped 'no tool'")[2], "skipped 'no tool'")


if __name__ == "__main__":
    unittest.main()
