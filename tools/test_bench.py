#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests of bench/bench.py and bench/counted.py, on programs and figures made up here."""

import pathlib
import stat
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "bench"))
import bench  # pylint: disable=wrong-import-position
import counted  # pylint: disable=wrong-import-position

PROGRAM = """#!/bin/sh
case $1 in
--list)
    printf 'workload\\tfall\\tFalling\\tns\\tlower\\t--cpus 1,--cpus 2\\n'
    printf 'contender\\tfall\\tthrum\\ncontender\\tfall\\tstone\\ncontender\\tfall\\tfeather (floats)\\n'
    printf 'contender\\tfall\\tliar\\ncontender\\tfall\\tshy\\n' ;;
--one)
    case $2 in
    fall/thrum) figure=5 ;;
    fall/stone) figure=10 ;;
    'fall/feather (floats)') figure=1 ;;
    fall/shy) exit 3 ;;
    *) echo 'wrong result: it lies' >&2; exit 1 ;;
    esac
    echo "{\\"figure\\": $figure, \\"wall_s\\": 2, \\"cpu_s\\": 1, \\"checked\\": true, \\"notes\\": {}}" ;;
esac
"""


class Bench(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        program = pathlib.Path(folder.name) / "fall"
        program.write_text(PROGRAM, encoding="utf-8")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        table = pathlib.Path(folder.name) / "programs.txt"
        table.write_text(f"workload\tfall\t{program}\nmissing\tabseil\tno header\n"
                         f"peer\tgone\t{folder.name}/gone\n", encoding="utf-8")
        self.workloads, self.missing = bench.discover(table)

    def test_variants_are_workloads_of_their_own(self):
        self.assertEqual([w.label for w in self.workloads], ["fall:cpus=1", "fall:cpus=2"])
        self.assertTrue(self.workloads[0].chosen_by(["fall"]))
        self.assertFalse(self.workloads[0].chosen_by(["fall:cpus=2"]))

    def test_what_is_missing_is_said(self):
        self.assertEqual([name for name, _ in self.missing], ["abseil", "gone"])

    def test_thrum_is_compared_with_its_own_kind_and_with_all(self):
        result = bench.measure(self.workloads[1], 3)
        self.assertEqual(result["against_same_kind"], {"peer": "stone", "times": 2.0})
        self.assertEqual(result["against_all"], {"peer": "feather (floats)", "times": 0.2})
        self.assertEqual(result["rows"][1]["cores"], 0.5)
        self.assertEqual(len(result["rows"][1]["figures"]), 3)

    def test_who_fails_is_told_apart_from_who_has_no_such_variant(self):
        result = bench.measure(self.workloads[1], 1)
        self.assertEqual(list(result["failed"]), ["liar"])
        self.assertIn("it lies", result["failed"]["liar"])
        self.assertNotIn("shy", [row["contender"] for row in result["rows"]])

    def test_higher_can_be_better(self):
        rows = [{"contender": name, "median": median}
                for name, median in (("a", 40), ("thrum", 30), ("b", 20))]
        self.assertEqual(bench.standing(rows, True)["against_same_kind"],
                         {"peer": "a", "times": 0.75})


class Counted(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.addCleanup(setattr, counted, "RECORD", counted.RECORD)
        counted.RECORD = pathlib.Path(folder.name) / "instructions.txt"
        counted.record("GNU 12", {"pair": 100.0, "once": 8.0})

    def test_one_percent_is_tolerated_and_more_is_not(self):
        self.assertTrue(counted.compare("GNU 12", {"pair": 101.0, "once": 8.0}))
        self.assertFalse(counted.compare("GNU 12", {"pair": 101.5, "once": 8.0}))
        self.assertFalse(counted.compare("GNU 12", {"pair": 98.5, "once": 8.0}))

    def test_another_compiler_is_not_compared(self):
        self.assertTrue(counted.compare("GNU 13", {"pair": 200.0, "once": 8.0}))

    def test_what_is_new_or_gone_is_red(self):
        self.assertFalse(counted.compare("GNU 12", {"pair": 100.0}))
        self.assertFalse(counted.compare("GNU 12", {"pair": 100.0, "once": 8.0, "more": 1.0}))


if __name__ == "__main__":
    unittest.main(buffer=True)
