# SPDX-License-Identifier: MIT
"""How the checks of the checks report."""

import argparse
import sys


def run(description, cases):
    """Run pairs of a title and a function that returns whether all is well, and output; exit."""
    argparse.ArgumentParser(description=description).parse_args()
    passed = failed = 0
    for title, case in cases:
        good, output = case()
        passed += good
        failed += not good
        if not good:
            print(f"FAILED {title}\n{output}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
