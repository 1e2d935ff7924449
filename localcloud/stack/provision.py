"""Sets the platform up as Terraform does in the cloud, through Google's own clients: key, queues, jobs, first data.

Run as a process of its own (`python -m localcloud.stack.provision FOLDER MANIFEST URLS`), so that the supervisor,
which forks, never loads gRPC. Every step may be done again.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from google.api_core.exceptions import AlreadyExists
from google.cloud import kms_v1, scheduler_v1, tasks_v2
from google.protobuf import duration_pb2

from localcloud.stack import credentials, plan
from localcloud.stack.folder import StackFolder
from shared.domain.organisations import Tier
from shared.gcp.clients import firestore_client, kms_client, scheduler_client, tasks_client
from shared.gcp.organisation_store import OrganisationStore
from shared.use_cases.create_organisation import create_organisation

_DEMO_ORGANISATIONS = ("Demo d.o.o.", "Second Demo d.o.o.")


def create_key() -> None:
    client = kms_client()
    with contextlib.suppress(AlreadyExists):
        client.create_key_ring(
            parent=plan.LOCATION_NAME, key_ring_id=plan.KEY_RING, key_ring=kms_v1.KeyRing()
        )
    purpose = kms_v1.CryptoKey.CryptoKeyPurpose.ENCRYPT_DECRYPT
    with contextlib.suppress(AlreadyExists):
        client.create_crypto_key(
            parent=f"{plan.LOCATION_NAME}/keyRings/{plan.KEY_RING}",
            crypto_key_id=plan.KEY,
            crypto_key=kms_v1.CryptoKey(purpose=purpose),
        )


def create_queues(queues: Mapping[str, Mapping[str, Any]]) -> None:
    client = tasks_client()
    for name, entry in queues.items():
        queue = tasks_v2.Queue(
            name=plan.queue_name(name),
            rate_limits=tasks_v2.RateLimits(
                max_dispatches_per_second=entry["max_dispatches_per_second"],
                max_concurrent_dispatches=entry["max_concurrent_dispatches"],
            ),
            retry_config=tasks_v2.RetryConfig(
                max_attempts=entry["max_attempts"],
                min_backoff=_seconds(entry["min_backoff_seconds"]),
                max_backoff=_seconds(entry["max_backoff_seconds"]),
                max_doublings=entry["max_doublings"],
                max_retry_duration=_seconds(entry["max_retry_duration_seconds"]),
            ),
        )
        try:
            client.create_queue(parent=plan.LOCATION_NAME, queue=queue)
        except AlreadyExists:
            client.update_queue(queue=queue)


def create_jobs(functions: Mapping[str, Mapping[str, Any]], *, urls: Mapping[str, str]) -> None:
    client = scheduler_client()
    for name, entry in functions.items():
        if entry["trigger"] != "scheduler" or name not in urls:
            continue
        job = scheduler_v1.Job(
            name=plan.job_name(name),
            schedule=entry["schedule"],
            time_zone=entry["time_zone"],
            attempt_deadline=_seconds(entry["timeout_seconds"]),
            http_target=scheduler_v1.HttpTarget(
                uri=urls[name],
                http_method=scheduler_v1.HttpMethod.POST,
                oidc_token=scheduler_v1.OidcToken(
                    service_account_email=plan.service_account("scheduler"), audience=urls[name]
                ),
            ),
        )
        try:
            client.create_job(parent=plan.LOCATION_NAME, job=job)
        except AlreadyExists:
            client.update_job(job=job)


def create_organisations(folder: StackFolder) -> None:
    """The demo's two and one more of each tier, at the first start; their sandbox keys go to the stack's secrets."""
    known = folder.read(credentials.FILE)
    control = OrganisationStore(firestore_client(project=plan.PROJECT, database="(default)"))

    def sandbox_key(name: str, tier: Tier) -> str:
        return create_organisation(name, tier=tier, organisations=control).sandbox_key

    if "apiKeys" not in known:
        known["apiKeys"] = [sandbox_key(name, "enterprise") for name in _DEMO_ORGANISATIONS]
        folder.write(credentials.FILE, known)
    if "tierKeys" not in known:
        tiers: tuple[Tier, ...] = get_args(Tier)
        known["tierKeys"] = {tier: sandbox_key(f"{tier.capitalize()} d.o.o.", tier) for tier in tiers}
        folder.write(credentials.FILE, known)


def _seconds(seconds: int) -> duration_pb2.Duration:
    return duration_pb2.Duration(seconds=seconds)


def main() -> None:
    folder, manifest = StackFolder(Path(sys.argv[1])), plan.read_manifest(Path(sys.argv[2]))
    urls: dict[str, str] = json.loads(sys.argv[3])
    create_key()
    create_queues(manifest.get("queues", {}))
    create_jobs(manifest["functions"], urls=urls)
    create_organisations(folder)


if __name__ == "__main__":
    main()
