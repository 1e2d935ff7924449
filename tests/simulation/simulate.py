"""One seed from beginning to end, and what came of many."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

import msgspec

from tests.simulation.checks import Checks
from tests.simulation.world import Violation, World

_TRACE_LINES = 60
_VIOLATIONS_SHOWN = 8


class Run(msgspec.Struct, kw_only=True):
    seed: int
    violations: list[Violation]
    events: list[tuple[Any, ...]]
    deliveries: int
    faults: int
    counts: Counter[str]
    setting: str

    @property
    def hash(self) -> str:
        """The same for the same seed: everything that happened, in order."""
        return hashlib.sha256(repr(self.events).encode()).hexdigest()

    def describe(self, *, whole_trace: bool = False) -> str:
        lines = [f"seed {self.seed}: {len(self.violations)} violations. {self.setting}"]
        first_of_each = {violation.text: violation for violation in reversed(self.violations)}
        lines += [
            f"  {violation.at:%d %H:%M:%S.%f} {violation.kind}: {violation.text}"
            for violation in list(reversed(first_of_each.values()))[:_VIOLATIONS_SHOWN]
        ]
        if whole_trace:
            lines += [f"    {_readable(event)}" for event in self.events]
        elif self.violations:
            first = next(
                (number for number, event in enumerate(self.events) if event[1] == "VIOLATION"),
                len(self.events),
            )
            lines.append(f"  what led to the first (all of it: --seed {self.seed} --runs 1 --trace):")
            lines += [
                f"    {_readable(event)}" for event in self.events[max(0, first - _TRACE_LINES) : first + 1]
            ]
        return "\n".join(lines)


class Report:
    def __init__(self) -> None:
        self.runs = 0
        self.deliveries = 0
        self.faults = 0
        self.counts: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.failed_seeds: list[int] = []

    def add(self, run: Run) -> None:
        self.runs += 1
        self.deliveries += run.deliveries
        self.faults += run.faults
        self.counts += run.counts
        if run.violations:
            self.failed_seeds.append(run.seed)
            self.kinds.update({violation.kind for violation in run.violations})

    def line(self, *, seconds: float) -> str:
        return (
            f"{self.runs} runs, {self.deliveries:,} deliveries, {self.faults:,} faults, "
            f"{len(self.failed_seeds)} failed, {self.deliveries / seconds:,.0f} deliveries/s"
        )

    def summary(self, *, seconds: float) -> str:
        lines = [self.line(seconds=seconds)]
        lines += [f"  {count:>10,} {name}" for name, count in sorted(self.counts.items())]
        if self.failed_seeds:
            kinds = ", ".join(f"{kind} {count}" for kind, count in self.kinds.most_common())
            lines.append(f"violations in runs: {kinds}")
            lines.append(f"failed seeds: {self.failed_seeds[:40]}")
        else:
            lines.append("no violations")
        return "\n".join(lines)


def simulate(seed: int) -> Run:
    world = World(seed)
    checks = Checks(world)
    world.run()
    with world.in_place():
        checks.at_the_end()
    counts = Counter(world.counts)
    counts += Counter({f"queue {name}": count for name, count in world.queue.counts.items()})
    counts += Counter({f"calls {name}": count for name, count in world.gate.calls.items()})
    counts += Counter({f"fault {name}": count for name, count in world.gate.faults.items()})
    return Run(
        seed=seed,
        violations=world.violations,
        events=world.log.events,
        deliveries=world.queue.counts["deliveries"] + world.counts["ticks"],
        faults=world.gate.faults.total() + world.queue.counts["duplicates"],
        counts=counts,
        setting=f"{world.bank.manners}",
    )


def _readable(event: tuple[Any, ...]) -> str:
    from localcloud.clock import from_us

    return f"{from_us(event[0]):%d %H:%M:%S.%f} " + " ".join(
        str(part) for part in event[1:] if part is not None
    )
