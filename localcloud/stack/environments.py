"""The environment of each function: the groups of settings that the manifest gives it, and nothing else."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from localcloud.stack import plan
from localcloud.stack.plan import Plan

# What a process needs from the machine. Not the rest: proxies and the developer's own credentials stay outside.
_INHERITED = ("HOME", "LANG", "LC_ALL", "PATH", "SYSTEMROOT", "TMPDIR", "TZ", "VIRTUAL_ENV")

# How patient the two sides of the sandbox are: taken over when set, so that tests of slow banks need not wait.
_BANKS_PATIENCE = ("TOK_BANK_TIMEOUT_SECONDS",)
_SANDBOX_PATIENCE = ("TOK_SANDBOX_BANK_SLOW_SECONDS", "TOK_SANDBOX_BANK_ACCESS_TOKEN_SECONDS")

_INVOKERS = {
    "gateway": plan.service_account("gateway"),
    "tasks": plan.service_account("tasks"),
    "scheduler": plan.service_account("scheduler"),
    "public": "allUsers",
}


def base_environment(*, python_path: tuple[Path, ...] = ()) -> dict[str, str]:
    return {
        **_inherited(*_INHERITED),
        "PYTHONPATH": os.pathsep.join(str(path) for path in (plan.ROOT, *python_path)),
        "PYTHONUNBUFFERED": "1",
    }


def _inherited(*names: str) -> dict[str, str]:
    return {name: os.environ[name] for name in names if name in os.environ}


def google_environment(stack: Plan) -> dict[str, str]:
    """Where Google's clients find every part of the local platform; for processes that set it up."""
    return {
        "FIRESTORE_EMULATOR_HOST": stack.host("firestore"),
        "TOK_KMS_ENDPOINT": stack.host("kms"),
        "TOK_TASKS_ENDPOINT": stack.host("tasks"),
        "TOK_SCHEDULER_ENDPOINT": stack.host("scheduler"),
    }


def function_environment(stack: Plan, name: str, *, secrets: Mapping[str, Any]) -> dict[str, str]:
    entry = stack.functions[name]
    environment = {
        **base_environment(python_path=(stack.manifest_path.parent / name,)),
        "TOK_ENVIRONMENT": plan.ENVIRONMENT,
        "TOK_ENVIRONMENTS": plan.ENVIRONMENT,
        "TOK_PROJECT": plan.PROJECT,
        "TOK_INVOKERS": _INVOKERS[entry["trigger"]],
    }
    if entry["trigger"] == "gateway":
        environment["TOK_TRUSTED_PROXIES"] = "1"
    for group in (*entry["databases"], *entry["settings"]):
        environment.update(_GROUPS[group](stack, secrets))
    return environment


def _firestore(database: dict[str, str]) -> Callable[[Plan, Mapping[str, Any]], dict[str, str]]:
    return lambda stack, _secrets: {"FIRESTORE_EMULATOR_HOST": stack.host("firestore"), **database}


def _api(stack: Plan, secrets: Mapping[str, Any]) -> dict[str, str]:
    return {"TOK_PUBLIC_URL": stack.gateway_url, "TOK_SIGNING_KEY": secrets["signingKey"]}


def _users(stack: Plan, _secrets: Mapping[str, Any]) -> dict[str, str]:
    return {
        "TOK_USER_ISSUER": stack.user_issuer,
        "TOK_USER_AUDIENCE": plan.USER_AUDIENCE,
        "TOK_USER_JWKS_URL": f"{stack.user_issuer}/certs",
        "TOK_PORTAL_URL": plan.PORTAL_URL,
    }


def _banks(stack: Plan, secrets: Mapping[str, Any]) -> dict[str, str]:
    return {
        "TOK_SANDBOX_BANK_URL": stack.bank_url,
        "TOK_BANK_CLIENTS": json.dumps(secrets["bankClients"]),
        **_inherited(*_BANKS_PATIENCE),
    }


def _tasks(stack: Plan, _secrets: Mapping[str, Any]) -> dict[str, str]:
    worker = stack.functions[plan.SYNC_WORKER]
    return {
        "TOK_TASKS_ENDPOINT": stack.host("tasks"),
        "TOK_SYNC_QUEUE": plan.queue_name(worker["queue"]),
        "TOK_SYNC_CONSENT_URL": stack.url(plan.SYNC_WORKER),
        "TOK_TASKS_SERVICE_ACCOUNT": plan.service_account("tasks"),
    }


def _dispatch(stack: Plan, _secrets: Mapping[str, Any]) -> dict[str, str]:
    return {
        "TOK_TASKS_ENDPOINT": stack.host("tasks"),
        "TOK_DISPATCH_QUEUE": plan.queue_name(stack.functions[plan.SYNC_SHARD]["queue"]),
        "TOK_SYNC_SHARD_URL": stack.url(plan.SYNC_SHARD),
        "TOK_TASKS_SERVICE_ACCOUNT": plan.service_account("tasks"),
    }


def _kms(stack: Plan, _secrets: Mapping[str, Any]) -> dict[str, str]:
    return {"TOK_KMS_ENDPOINT": stack.host("kms"), "TOK_KMS_KEY": plan.KMS_KEY}


def _sandbox_bank(stack: Plan, secrets: Mapping[str, Any]) -> dict[str, str]:
    clients = {
        client_id: {"secret": secret, "redirect_uris": [f"{stack.gateway_url}/callback"], "name": "Tok"}
        for client_id, secret in secrets["bankClients"].values()
    }
    return {
        "TOK_SANDBOX_BANK_URL": stack.bank_url,
        "TOK_SANDBOX_BANK_CLIENTS": json.dumps(clients),
        **_inherited(*_SANDBOX_PATIENCE),
    }


# By the manifest's names: databases and groups of settings.
_GROUPS: dict[str, Callable[[Plan, Mapping[str, Any]], dict[str, str]]] = {
    "control": _firestore({"TOK_CONTROL_DATABASE": "(default)"}),
    "data": _firestore({"TOK_DATA_DATABASE": plan.ENVIRONMENT}),
    "api": _api,
    "users": _users,
    "banks": _banks,
    "tasks": _tasks,
    "dispatch": _dispatch,
    "kms": _kms,
    "bank": lambda stack, secrets: {
        **_firestore({"TOK_SANDBOX_BANK_DATABASE": "sandbox-bank"})(stack, secrets),
        **_sandbox_bank(stack, secrets),
    },
}
