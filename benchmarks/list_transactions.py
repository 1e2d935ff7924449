"""Listing 100 transactions: Tok against a conventional service on the same rows, and page 1 against page 1,000.

Ratios only: servers are asked in turn within each round, on one machine, and each ratio is taken within a round.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import signal
import statistics
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from benchmarks import servers
from benchmarks.listing import cursor_of_page, require_same_pages
from benchmarks.measure import Sample, Samples, Target, interleave, load_generator, ratio
from benchmarks.processes import Failed

_LIMIT = 100
_DEEP_PAGE = 1_000
_RATE_GOAL = 3.0
_CPU_GOAL = 4.0
_CPU_AIM = 5.0
_DEEP_TOLERANCE = 0.10
_LIBRARIES = (
    "functions-framework", "flask", "gunicorn", "grpcio", "fastapi", "sqlalchemy", "pydantic", "uvicorn",
)  # fmt: skip


class Report:
    """Prints figures, and remembers whether each met its goal."""

    def __init__(self) -> None:
        self.missed = 0

    def goal(self, text: str, figures: tuple[float, float, float], *, met: bool, goal: str) -> None:
        median, least, most = figures
        self.missed += not met
        print(f"{'PASS' if met else 'MISS'}  {text:<44} {median:6.2f}  ({least:.2f} … {most:.2f})  {goal}")

    def note(self, text: str) -> None:
        print(f"      {text}")


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m benchmarks.list_transactions", description=__doc__)
    options.add_argument("--rounds", type=int, default=16, help="of each comparison")
    options.add_argument("--seconds", type=float, default=1.0, help="of load on one server in one round")
    options.add_argument("--transactions", type=int, default=200_000, help="of the account")
    options.add_argument("--floor", action="store_true", help="also measure a function that does nothing")
    options.add_argument(
        "--unleased", action="store_true", help="also measure a store trip for every request"
    )
    options.add_argument("--strict", action="store_true", help="exit with 1 when a goal is missed")
    arguments = options.parse_args()
    if sys.platform != "linux":
        print("CPU time is read from /proc: this benchmark needs Linux.", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    try:
        report = _run(arguments)
    except Failed as failure:
        print(f"broken: {failure}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 1 if arguments.strict and report.missed else 0


def _run(arguments: argparse.Namespace) -> Report:
    measured = {"rounds": arguments.rounds, "seconds": arguments.seconds}
    with contextlib.ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="tok-benchmark-")))
        store = running.enter_context(servers.firestore(folder))
        print(f"Seeding an account with {arguments.transactions:,} transactions into both stores", flush=True)
        seeded = servers.seed(folder, firestore_port=store.port, transactions=arguments.transactions)
        tok = running.enter_context(servers.tok(folder, seeded, firestore_port=store.port))
        rival = running.enter_context(servers.conventional(folder, seeded))
        load = running.enter_context(load_generator(folder))

        print("Comparing both servers' pages, and walking to the deep one", flush=True)
        require_same_pages(tok, rival, limit=_LIMIT, count=3)
        deep_page = min(_DEEP_PAGE, arguments.transactions // _LIMIT)
        cursor = cursor_of_page(tok, deep_page, limit=_LIMIT)

        first = f"?limit={_LIMIT}"
        targets = {"tok": Target(client=tok, query=first), "rival": Target(client=rival, query=first)}
        if arguments.floor:
            targets["floor"] = Target(client=running.enter_context(servers.floor(folder)), query="")
        if arguments.unleased:
            unleased = servers.tok(folder, seeded, firestore_port=store.port, leases=False)
            targets["unleased"] = Target(client=running.enter_context(unleased), query=first)
        print("Measuring", flush=True)
        against = interleave(targets, load=load, store=store, title="list-100", **measured)
        depths = {"first": targets["tok"], "deep": Target(client=tok, query=f"{first}&cursor={cursor}")}
        deep = interleave(depths, load=load, store=store, title="page depth", **measured)

    report = Report()
    _print_comparison(report, against)
    _print_depth(report, deep, page=deep_page, transactions=arguments.transactions)
    _print_method(arguments)
    return report


def _rate(sample: Sample) -> float:
    return sample.requests_per_second


def _cpu(sample: Sample) -> float:
    return sample.cpu_seconds


def _latency(sample: Sample) -> float:
    return sample.latency_seconds


def _print_comparison(report: Report, samples: Samples) -> None:
    print("\nList 100 transactions, Tok against FastAPI + SQLAlchemy + pydantic on SQLite")
    rate = ratio(samples, "tok", "rival", _rate)
    report.goal(
        "requests per second, times as many", rate, met=rate[0] >= _RATE_GOAL, goal=f"≥ {_RATE_GOAL:g}"
    )
    cpu = ratio(samples, "rival", "tok", _cpu)
    aim = "reached" if cpu[0] >= _CPU_AIM else "not reached"
    report.goal(
        "application CPU per request, times less",
        cpu,
        met=cpu[0] >= _CPU_GOAL,
        goal=f"≥ {_CPU_GOAL:g}, aim {_CPU_AIM:g} {aim}",
    )
    store_share = statistics.median(
        sample.store_cpu_seconds / sample.cpu_seconds for sample in samples["tok"]
    )
    with_store = statistics.median(
        theirs.cpu_seconds / (ours.cpu_seconds + ours.store_cpu_seconds)
        for ours, theirs in zip(samples["tok"], samples["rival"], strict=True)
    )
    own = statistics.median(sample.cpu_seconds for sample in samples["tok"]) * 1_000
    report.note(f"Tok's CPU for each request on this machine, key and rate limit included: {own:.2f} ms.")
    report.note(
        "SQLite runs inside the rival's process and counts as its CPU; Firestore is a service apart and does not "
        "count as Tok's."
    )
    report.note(
        f"The local Firestore used {store_share:.2f} × Tok's own CPU for it; with that added, Tok would use "
        f"{with_store:.2f} × less."
    )
    if "floor" in samples:
        share = ratio(samples, "floor", "tok", _cpu)[0]
        report.note(f"A function that does nothing costs {share:.0%} of Tok's CPU per request.")
    if "unleased" in samples:
        share = ratio(samples, "unleased", "tok", _cpu)[0]
        report.note(f"A store trip of the limiter for every request would cost {share:.2f} × the CPU.")
    sizes = {name: samples[name][0].body_bytes for name in ("tok", "rival")}
    report.note(f"Body: {sizes['tok']:,} bytes from Tok, {sizes['rival']:,} from the rival; equal rows.")


def _print_depth(report: Report, samples: Samples, *, page: int, transactions: int) -> None:
    print(f"\nPage {page:,} against page 1 of {transactions:,} transactions, limit {_LIMIT}")
    for text, figure in (("application CPU per request, ratio", _cpu), ("median latency, ratio", _latency)):
        figures = ratio(samples, "deep", "first", figure)
        met = figures[0] <= 1 + _DEEP_TOLERANCE
        report.goal(text, figures, met=met, goal=f"≤ {1 + _DEEP_TOLERANCE:.2f}")


def _print_method(arguments: argparse.Namespace) -> None:
    processors, load = os.cpu_count() or 1, os.getloadavg()[0]
    print(
        f"\nMedians of {arguments.rounds} rounds of {arguments.seconds:g} s each, in brackets the extremes; within a "
        "round the servers take turns.\n"
        "One worker process each (Tok: functions-framework with 8 threads; the rival: uvicorn), 4 keep-alive "
        "connections, API key, log line and (Tok) "
        "rate limiter on, its limit lifted.\n"
        "Every reply's status and length were checked, and the pages of both compared row by row.\n"
        f"Machine: {processors} processors, load {load:.1f}, Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    )
    if load > 2 * processors:
        print("Other work kept this machine busy: requests per second and latency are of little worth.")


if __name__ == "__main__":
    sys.exit(main())
