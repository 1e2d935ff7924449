"""Which revision of each function serves, and back to it: the roll-back after a bad deployment.

    python -m infra.traffic record   --project P --region R     before a deployment: writes dist/traffic.json
    python -m infra.traffic rollback --project P --region R     sends all traffic back to the recorded revisions

Nothing is built and nothing is changed but traffic, so it takes seconds. The next deployment of a function sends
traffic to its newest revision again. Data, queues and the gateway are not rolled back: a release must read what the
one before wrote, and its gateway must serve the functions before (docs/operations.md).

Speaks through gcloud, and needs nothing but Python's standard library.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[1]
_ENVIRONMENTS = ("live", "sandbox")
_TIMEOUT_SECONDS = 300

Services = dict[str, str]
"""Cloud Run service → the revision that has all its traffic."""


class TrafficFailed(Exception):
    """gcloud refused, or a service's traffic is not what this could record or restore."""


def service_name(function: str, *, environment: str) -> str:
    """As infra/terraform names it."""
    return f"{environment}-{function.replace('_', '-')}"


def serving(*, functions: list[str], project: str, region: str) -> Services:
    """The revisions that serve now, of those of `functions` that are deployed. Raises TrafficFailed."""
    ours = {service_name(function, environment=name) for function in functions for name in _ENVIRONMENTS}
    listed = _gcloud(["list", "--format=json"], project=project, region=region)
    try:
        services = json.loads(listed)
        return {
            service["metadata"]["name"]: _revision(service)
            for service in services
            if service["metadata"]["name"] in ours
        }
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise TrafficFailed(f"gcloud's list is not as expected: {error!r}") from error


def restore(recorded: Services, *, project: str, region: str, functions: list[str]) -> Services:
    """Send traffic back where it differs from `recorded`; the services that were changed and their revisions.

    A service that was not there before keeps its traffic: nothing served before it. Every service is tried before
    TrafficFailed is raised for those that failed.
    """
    now = serving(functions=functions, project=project, region=region)
    changed: Services = {}
    failed = []
    for service, revision in recorded.items():
        if now.get(service) in (revision, None):
            continue
        try:
            _gcloud(
                ["update-traffic", service, f"--to-revisions={revision}=100", "--quiet"],
                project=project,
                region=region,
            )
            changed[service] = revision
        except TrafficFailed as failure:
            failed.append(f"{service}: {failure}")
    if failed:
        raise TrafficFailed("; ".join(failed))
    return changed


def _revision(service: dict[str, Any]) -> str:
    serving = [target for target in service["status"]["traffic"] if target.get("percent")]
    if len(serving) != 1:
        name = service["metadata"]["name"]
        raise TrafficFailed(f"{name} splits its traffic; give all of it to one revision first")
    revision: str = serving[0]["revisionName"]
    return revision


def _gcloud(command: list[str], *, project: str, region: str) -> str:
    whole = ["gcloud", "run", "services", *command, f"--project={project}", f"--region={region}"]
    try:
        done = subprocess.run(whole, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TrafficFailed(f"gcloud: {error}") from error
    if done.returncode != 0:
        raise TrafficFailed(f"gcloud: {done.stderr.strip()[-500:]}")
    return done.stdout


def main(arguments: list[str] | None = None) -> int:
    options = argparse.ArgumentParser(prog="python -m infra.traffic", description=__doc__.split("\n")[0])
    options.add_argument("action", choices=("record", "rollback"))
    options.add_argument("--project", required=True)
    options.add_argument("--region", required=True)
    options.add_argument("--dist", type=Path, default=_ROOT / "dist", help="what `make package` wrote")
    chosen = options.parse_args(arguments)
    record = chosen.dist / "traffic.json"
    place = {"project": chosen.project, "region": chosen.region}
    try:
        functions = list(json.loads((chosen.dist / "bundles.json").read_text())["functions"])
        if chosen.action == "record":
            services = serving(functions=functions, **place)
            record.write_text(json.dumps(services, indent=2, sort_keys=True) + "\n")
            print(f"{len(services)} services serve as {record} says.")
        else:
            changed = restore(json.loads(record.read_text()), functions=functions, **place)
            for service, revision in changed.items():
                print(f"{service} is back to {revision}")
            print(f"{len(changed)} services were sent back.")
    except (TrafficFailed, OSError, json.JSONDecodeError) as failure:
        print(f"traffic: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
