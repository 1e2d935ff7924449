"""The first response of a fresh process: each read function's bundle against a function that does nothing.

Ratios only: in each round every process is started in turn, on one machine. A read function's first response is a
whole read: the key is looked up, Firestore is asked. In the cloud it also loads what shows its credentials, which no
local Firestore wants to see: one more line loads that too.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import statistics
import sys
import tempfile
from pathlib import Path

import msgspec

from benchmarks import servers
from benchmarks.bundled import HEALTH_PATH, Answer, Bundle, first_answer, unpack
from benchmarks.processes import ROOT, Failed

_GOAL = 2.3
_FLOOR = "floor"
_CREDENTIALS = """import google.auth.compute_engine
import google.auth.transport.grpc
import google.auth.transport.requests
"""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    made: Bundle
    path: str
    headers: dict[str, str] = {}


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m benchmarks.first_response", description=__doc__)
    options.add_argument("--rounds", type=int, default=15)
    options.add_argument("--strict", action="store_true", help="exit with 1 when a goal is missed")
    arguments = options.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="tok-benchmark-") as folder:
            answers = _measure(Path(folder), rounds=arguments.rounds)
    except Failed as failure:
        print(f"broken: {failure}", file=sys.stderr)
        return 2
    missed = _print(answers, rounds=arguments.rounds)
    return 1 if arguments.strict and missed else 0


def _measure(folder: Path, *, rounds: int) -> dict[str, list[Answer]]:
    """The first responses of fresh processes, by what was asked: one a round. Raises Failed."""
    with contextlib.ExitStack() as running:
        store = running.enter_context(servers.firestore(folder))
        seeded = servers.seed(folder, firestore_port=store.port, transactions=500)
        questions = _questions(folder, seeded, firestore_port=store.port)
        answers: dict[str, list[Answer]] = {name: [] for name in questions}
        names = list(questions)
        for number in range(-1, rounds):
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                asked = questions[name]
                answer = first_answer(asked.made, path=asked.path, headers=asked.headers)
                if answer.status != 200:
                    raise Failed(f"{name} answered {answer.status}: {answer.body[:300]!r}")
                if number >= 0:
                    answers[name].append(answer)
    return answers


def _questions(folder: Path, seeded: servers.Seeded, *, firestore_port: int) -> dict[str, Question]:
    bundles = {
        function: unpack(function, folder / "bundles", firestore_port=firestore_port)
        for function in ("accounts", "transactions", "banks")
    }
    for made in bundles.values():
        made.environment["TOK_PROJECT"] = servers.PROJECT
    key = {"X-Forwarded-Authorization": f"ApiKey {seeded.api_key}"}
    reads = {
        "accounts": "/v1/accounts",
        "transactions": f"/v1/accounts/{seeded.account_id}/transactions",
        "banks": "/v1/banks",
    }
    alone = bundles["accounts"]
    (folder / "bundles" / _FLOOR).mkdir()
    floor = folder / "bundles" / _FLOOR / "main.py"
    floor.write_text((ROOT / "benchmarks/floor/main.py").read_text())
    asked = {_FLOOR: Question(made=msgspec.structs.replace(alone, source=floor.parent), path="/")}
    for function, path in reads.items():
        made = bundles[function]
        asked[f"{function} {HEALTH_PATH}"] = Question(made=made, path=HEALTH_PATH)
        asked[f"{function}, a read"] = Question(made=made, path=path, headers=key)
    named = folder / "credentials"
    named.mkdir()
    (named / "sitecustomize.py").write_text(_CREDENTIALS)
    loaded = msgspec.structs.replace(alone, environment={**alone.environment, "PYTHONPATH": str(named)})
    asked["accounts, with credentials"] = Question(made=loaded, path=reads["accounts"], headers=key)
    return asked


def _print(answers: dict[str, list[Answer]], *, rounds: int) -> int:
    """How many goals were missed."""
    print(f"\nFirst response of a fresh process, × a function that does nothing (goal ≤ {_GOAL})")
    print(f"{'':36}{'time':>6}   {'CPU':>6}   quickest")
    floor = answers.pop(_FLOOR)
    missed = 0
    for name, asked in answers.items():
        ratio = _median(asked) / _median(floor)
        cpu = statistics.median(answer.cpu_seconds for answer in asked) / statistics.median(
            answer.cpu_seconds for answer in floor
        )
        quickest = min(answer.seconds for answer in asked) / min(answer.seconds for answer in floor)
        missed += ratio > _GOAL
        print(
            f"{'MISS' if ratio > _GOAL else 'PASS'}  {name:<28}  {ratio:6.2f}   {cpu:6.2f}   {quickest:8.2f}"
        )
    print(
        f"\nMedians of {rounds} rounds; the function that does nothing took {_median(floor) * 1000:.0f} ms here.\n"
        "Bundles as they are deployed: unpacked, among their own requirements, started by functions-framework;\n"
        "compiled as Google's buildpack compiles them.\n"
        f"Machine: {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"
    )
    if os.getloadavg()[0] > 2 * (os.cpu_count() or 1):
        print("Other work kept this machine busy: times are of little worth, CPU still is.")
    return missed


def _median(answers: list[Answer]) -> float:
    return statistics.median(answer.seconds for answer in answers)


if __name__ == "__main__":
    sys.exit(main())
