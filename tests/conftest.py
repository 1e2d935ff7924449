from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.stack import Run, Stack, end_shared_stack, shared_stack

# Set by the process that runs pytest, read by its xdist workers.
_RUN_FOLDER = "TOK_TEST_RUN_FOLDER"
_RUN_PID = "TOK_TEST_RUN_PID"


_SIMULATED = ("simulation runs", "simulation deliveries", "simulation faults")


def _is_controller(config: pytest.Config) -> bool:
    return not hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    if _is_controller(config):
        os.environ[_RUN_FOLDER] = tempfile.mkdtemp(prefix="tok-tests-")
        os.environ[_RUN_PID] = str(os.getpid())


def pytest_unconfigure(config: pytest.Config) -> None:
    if _is_controller(config):
        folder = Path(os.environ.pop(_RUN_FOLDER))
        end_shared_stack(folder)
        shutil.rmtree(folder, ignore_errors=True)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more than processors: tests of the running stack wait for it half of their time."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Each of xdist's workers begins with its share of the slow tests, so that none is left when the others have
    ended. `worksteal` gives a worker one stretch of the list to begin with."""
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    slow = [item for item in items if item.get_closest_marker("slow")]
    others = [item for item in items if not item.get_closest_marker("slow")]
    ordered: list[pytest.Item] = []
    for worker in range(workers):
        stretch = (len(items) - len(ordered)) // (workers - worker)
        first = slow[worker::workers]
        fill = max(0, stretch - len(first))
        ordered += [*first, *others[:fill]]
        del others[:fill]
    items[:] = [*ordered, *others]


@pytest.fixture(scope="session")
def stack() -> Stack:
    """The platform, started once for the whole run. Each test uses an organisation of its own, and ends nothing."""
    return shared_stack(Path(os.environ[_RUN_FOLDER]) / "stack", while_pid=int(os.environ[_RUN_PID]))


@pytest.fixture
def private_stack(tmp_path: Path) -> Iterator[Callable[..., Stack]]:
    """Starts a stack that belongs to the test alone, for faults; `environment` adds to the supervisor's own."""
    with ExitStack() as ending:

        def start(*, environment: Mapping[str, str] | None = None) -> Stack:
            number = len(list(tmp_path.glob("stack-*.out")))
            run = Run(tmp_path / f"stack-{number}", environment=environment)
            ending.callback(run.end)
            return run.wait_up()

        yield start


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the simulation went through, whichever workers it ran on."""
    totals: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed"):
        totals.update({name: number for name, number in report.user_properties if name in _SIMULATED})
    if totals:
        terminalreporter.write_line(", ".join(f"{name}: {totals[name]:,}" for name in _SIMULATED))
