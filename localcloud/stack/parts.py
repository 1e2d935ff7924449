"""The processes of a stack, as commands with their environment."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.stack import plan
from localcloud.stack.environments import base_environment, function_environment
from localcloud.stack.folder import StackFolder
from localcloud.stack.plan import Plan

GATEWAY_DOCUMENT = "gateway.json"
_TIMED = ("kms", "tasks", "scheduler")


@dataclass(frozen=True)
class Part:
    name: str
    port: int
    command: tuple[str, ...]
    environment: Mapping[str, str]
    working_folder: Path


def platform_parts(stack: Plan, folder: StackFolder) -> list[Part]:
    return [
        _part(
            stack,
            name,
            "--data",
            str(folder.data(name)),
            *(("--user-audience", plan.USER_AUDIENCE) if name == "identity" else ()),
            *(("--identity", stack.url("identity")) if name in ("tasks", "scheduler") else ()),
            *(("--indexes", str(plan.ROOT / "firestore.indexes.json")) if name == "firestore" else ()),
            *(("--clock", str(folder.path / "clock.json")) if name in _TIMED else ()),
        )
        for name in plan.PLATFORM
    ]


def gateway_part(stack: Plan, folder: StackFolder) -> Part:
    return _part(
        stack,
        "gateway",
        "--document",
        str(folder.path / GATEWAY_DOCUMENT),
        "--identity",
        stack.url("identity"),
        "--service-account",
        plan.service_account("gateway"),
    )


def function_parts(stack: Plan, *, secrets: Mapping[str, Any]) -> list[Part]:
    return [
        Part(
            name=name,
            port=stack.ports[name],
            command=(
                sys.executable,
                "-m",
                "localcloud.functions",
                name,
                "--manifest",
                str(stack.manifest_path),
                "--port",
                str(stack.ports[name]),
                "--identity",
                stack.url("identity"),
            ),
            environment=function_environment(stack, name, secrets=secrets),
            working_folder=stack.manifest_path.parent / name,
        )
        for name in stack.functions
    ]


def _part(stack: Plan, name: str, *arguments: str) -> Part:
    port = stack.ports[name]
    return Part(
        name=name,
        port=port,
        command=(sys.executable, "-m", f"localcloud.{name}", "--port", str(port), *arguments),
        environment=base_environment(),
        working_folder=plan.ROOT,
    )
