"""Rounds side by side: in each, every target is asked in turn, so that what else the machine does hits all alike."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from benchmarks.load import Outcome, Round
from benchmarks.processes import Failed, Server, environment, piped
from benchmarks.servers import Client

_CONNECTIONS = 4
_WARM_UP_SECONDS = 0.5
_PROGRESS_SECONDS = 2.0

Load = Callable[[Round], Outcome]


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One target in one round. Only ratios of samples of the same round mean anything."""

    requests_per_second: float
    cpu_seconds: float
    """Application CPU for each request: the server's processes alone."""
    store_cpu_seconds: float
    """CPU of the Firestore process for each request."""
    latency_seconds: float
    body_bytes: int


class Target(msgspec.Struct, frozen=True, kw_only=True):
    client: Client
    query: str


Samples = Mapping[str, Sequence[Sample]]


@contextlib.contextmanager
def load_generator(folder: Path) -> Iterator[Load]:
    with piped(("-m", "benchmarks.load"), env=environment(folder)) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asked, answered = process.stdin, process.stdout

        def put(work: Round) -> Outcome:
            asked.write(msgspec.json.encode(work).decode() + "\n")
            asked.flush()
            line = answered.readline()
            if not line:
                raise Failed("the load generator ended")
            return msgspec.json.decode(line, type=Outcome)

        yield put


def interleave(
    targets: Mapping[str, Target], *, load: Load, store: Server, rounds: int, seconds: float, title: str
) -> Samples:
    """`rounds` samples of each target, after one warm-up. Raises Failed at the first wrong answer."""
    samples: dict[str, list[Sample]] = {name: [] for name in targets}
    names = list(targets)
    shown_at = time.monotonic()
    for number in range(-1, rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            span = _WARM_UP_SECONDS if number < 0 else seconds
            sample = _sample(name, targets[name], load=load, store=store, seconds=span)
            if number >= 0:
                samples[name].append(sample)
        if time.monotonic() - shown_at > _PROGRESS_SECONDS:
            shown_at = time.monotonic()
            print(f"  {title}: round {max(number + 1, 0)} of {rounds}", flush=True)
    return samples


def ratio(
    samples: Samples, over: str, under: str, figure: Callable[[Sample], float]
) -> tuple[float, float, float]:
    """Median, smallest and largest of `figure`'s ratio between two targets, each taken within one round."""
    ratios = [
        figure(upper) / figure(lower) for upper, lower in zip(samples[over], samples[under], strict=True)
    ]
    return statistics.median(ratios), min(ratios), max(ratios)


def _sample(name: str, target: Target, *, load: Load, store: Server, seconds: float) -> Sample:
    server = target.client.server
    work = Round(
        port=server.port,
        target=target.client.path + target.query,
        headers=target.client.headers,
        connections=_CONNECTIONS,
        seconds=seconds,
    )
    cpu, store_cpu = server.cpu_seconds(), store.cpu_seconds()
    outcome = load(work)
    cpu, store_cpu = server.cpu_seconds() - cpu, store.cpu_seconds() - store_cpu
    if outcome.fault is not None:
        raise Failed(f"{name}: {outcome.fault}")
    if not cpu:
        raise Failed(f"{name}: a round was too short to see its CPU time; raise --seconds")
    return Sample(
        requests_per_second=outcome.requests / outcome.elapsed_seconds,
        cpu_seconds=cpu / outcome.requests,
        store_cpu_seconds=store_cpu / outcome.requests,
        latency_seconds=outcome.median_latency_seconds,
        body_bytes=outcome.body_bytes,
    )
