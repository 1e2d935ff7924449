"""`make simulate SEED=… RUNS=…`: run seeds one after the other and say which of them fail."""

from __future__ import annotations

import argparse
import sys
import time

from tests.simulation.simulate import Report, simulate


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--runs", type=int, default=100, help="how many seeds from there on")
    parser.add_argument("--trace", action="store_true", help="print everything that happened")
    parser.add_argument("--stop", action="store_true", help="stop at the first failure")
    options = parser.parse_args()
    report = Report()
    started = shown = time.monotonic()
    for seed in range(options.seed, options.seed + options.runs):
        run = simulate(seed)
        report.add(run)
        if run.violations:
            print(run.describe(whole_trace=options.trace), flush=True)
            if options.stop:
                break
        elif options.trace:
            print(run.describe(whole_trace=True))
        if time.monotonic() - shown > 10:
            shown = time.monotonic()
            print(report.line(seconds=shown - started), flush=True)
    print(report.summary(seconds=time.monotonic() - started))
    return 1 if report.failed_seeds else 0


if __name__ == "__main__":
    sys.exit(main())
