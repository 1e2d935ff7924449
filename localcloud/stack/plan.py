"""What one stack consists of: its names and addresses, from the manifest and the ports that were chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from localcloud.identity import ISSUER_PATH

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "tok-local"
LOCATION = "europe-west3"
ENVIRONMENT: Literal["sandbox"] = "sandbox"
PLATFORM = ("identity", "firestore", "kms", "tasks", "scheduler")
USER_AUDIENCE = PROJECT
"""As with Identity Platform, whose tokens are for the project."""
PORTAL_URL = "https://developer.tokapi.io"
"""Where invitations lead to: the portal is no part of this stack."""
SANDBOX_BANK = "sandbox_bank"
SYNC_WORKER = "sync_consent"
SYNC_SHARD = "sync_shard"

LOCATION_NAME = f"projects/{PROJECT}/locations/{LOCATION}"
KEY_RING = "tok"
KEY = "tokens"
KMS_KEY = f"{LOCATION_NAME}/keyRings/{KEY_RING}/cryptoKeys/{KEY}"


@dataclass(frozen=True)
class Plan:
    manifest_path: Path
    openapi_path: Path
    manifest: Mapping[str, Any]
    ports: Mapping[str, int]

    @property
    def functions(self) -> dict[str, dict[str, Any]]:
        return {
            name: entry
            for name, entry in self.manifest["functions"].items()
            if ENVIRONMENT in entry["environments"]
        }

    def host(self, part: str) -> str:
        return f"127.0.0.1:{self.ports[part]}"

    def url(self, part: str) -> str:
        return f"http://{self.host(part)}"

    @property
    def gateway_url(self) -> str:
        return f"{self.url('gateway')}/v1"

    @property
    def user_issuer(self) -> str:
        return f"{self.url('identity')}{ISSUER_PATH}"

    @property
    def bank_url(self) -> str:
        return self.url(SANDBOX_BANK) if SANDBOX_BANK in self.functions else ""


def read_manifest(path: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = yaml.safe_load(path.read_text())
    return manifest


def service_account(name: str) -> str:
    return f"{name}@{PROJECT}.iam.gserviceaccount.com"


def queue_name(queue: str) -> str:
    return f"{LOCATION_NAME}/queues/{queue}"


def job_name(function: str) -> str:
    return f"{LOCATION_NAME}/jobs/{function}"
