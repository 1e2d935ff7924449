"""Brings one stack up, keeps it up, and takes it down."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from infra.gateway_document import render
from localcloud.stack import credentials, parts, plan
from localcloud.stack.child import Child, StartFailed
from localcloud.stack.environments import base_environment, google_environment
from localcloud.stack.folder import StackFolder
from localcloud.stack.job import run_job
from localcloud.stack.parts import Part
from localcloud.stack.plan import Plan

_STARTING_AT_ONCE = max(2, os.cpu_count() or 1) + 1
_STORES = ("firestore", "kms", "identity")


class Supervisor:
    def __init__(
        self, stack: Plan, folder: StackFolder, *, openapi: Mapping[str, Any], secrets: Mapping[str, Any]
    ) -> None:
        self._plan = stack
        self._folder = folder
        self._secrets = secrets
        self._children: dict[str, Child] = {}
        self._up = False
        folder.write(
            parts.GATEWAY_DOCUMENT,
            render(
                openapi,
                stack.manifest,
                addresses={name: stack.url(name) for name in stack.functions},
                environment=plan.ENVIRONMENT,
            ),
        )

    async def start(self) -> None:
        """Returns when everything listens and is set up. Raises StartFailed."""
        platform = parts.platform_parts(self._plan, self._folder)
        others = [
            *parts.function_parts(self._plan, secrets=self._secrets),
            parts.gateway_part(self._plan, self._folder),
        ]
        turns = asyncio.Semaphore(_STARTING_AT_ONCE)
        first = [asyncio.create_task(self._start_part(part, turns)) for part in platform]
        tasks = [
            *first,
            *(asyncio.create_task(self._start_part(part, turns)) for part in others),
            asyncio.create_task(self._provision_after(first)),
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self._up = True
        self._write_stack()

    async def stop(self) -> None:
        self._up = False
        self._folder.forget_stack()
        stores = [child for name, child in self._children.items() if name in _STORES]
        callers = [child for name, child in self._children.items() if name not in _STORES]
        await asyncio.gather(*(child.stop() for child in callers))
        await asyncio.gather(*(child.stop() for child in stores))

    def kill(self) -> None:
        for child in self._children.values():
            child.kill()

    async def _start_part(self, part: Part, turns: asyncio.Semaphore) -> None:
        async with turns:
            child = Child(
                part,
                log=self._folder.log(part.name),
                held=self._folder.held,
                changed=self._child_changed,
            )
            self._children[part.name] = child
            seconds = await child.start()
        _tell(part.name, self._plan.host(part.name), seconds)

    async def _provision_after(self, started: Sequence[asyncio.Task[None]]) -> None:
        await asyncio.gather(*started)
        began = time.monotonic()
        log_path = self._folder.log("provision")
        with log_path.open("ab") as log:
            status = await run_job(
                "localcloud.stack.provision",
                str(self._folder.path),
                str(self._plan.manifest_path),
                json.dumps({name: self._plan.url(name) for name in self._plan.functions}),
                environment={**base_environment(), **google_environment(self._plan)},
                output=log,
            )
        if status:
            raise StartFailed("provision", "did not set the platform up", log=log_path)
        _tell("provision", "key, queues, jobs, organisations", time.monotonic() - began)

    def _child_changed(self, what: str) -> None:
        print(f"  {what}", flush=True)
        if self._up:
            self._write_stack()

    def _write_stack(self) -> None:
        keys = self._folder.read(credentials.FILE)
        self._folder.write(
            "stack.json",
            {
                "gatewayUrl": self._plan.gateway_url,
                "sandboxApiKey": keys["apiKeys"][0],
                "secondSandboxApiKey": keys["apiKeys"][1],
                "tierKeys": keys["tierKeys"],
                "bankUrl": self._plan.bank_url,
                "firestoreHost": self._plan.host("firestore"),
                "kmsHost": self._plan.host("kms"),
                "tasksHost": self._plan.host("tasks"),
                "schedulerHost": self._plan.host("scheduler"),
                "identityUrl": self._plan.url("identity"),
                "userSignInUrl": f"{self._plan.user_issuer}/sign-in",
                "userIssuer": self._plan.user_issuer,
                "userAudience": plan.USER_AUDIENCE,
                "functions": {name: self._plan.url(name) for name in self._plan.functions},
                "project": plan.PROJECT,
                "logs": str(self._folder.logs),
                "supervisorPid": os.getpid(),
                "pids": {name: child.pid for name, child in self._children.items() if child.pid},
            },
        )


def _tell(name: str, where: str, seconds: float) -> None:
    print(f"  {name:<14} {where:<36} {seconds:4.1f} s", flush=True)
