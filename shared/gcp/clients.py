"""The one place where Google clients are made.

Each is made once a process and kept. In the cloud they find their endpoints and credentials by themselves; on
one machine the environment names local servers: FIRESTORE_EMULATOR_HOST (read by the library itself),
TOK_KMS_ENDPOINT, TOK_TASKS_ENDPOINT and TOK_SCHEDULER_ENDPOINT, each host:port without TLS.
Heavy clients are imported when first asked for: a read endpoint never pays for them.
"""

from __future__ import annotations

import json
import os
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import quote

import grpc
import grpc.experimental

if TYPE_CHECKING:
    from google.cloud import firestore, kms_v1, scheduler_v1, tasks_v2

# Server streams are read on the caller's own thread: a third of the CPU of a short query.
_FIRESTORE_CHANNEL_OPTIONS = (
    (grpc.experimental.ChannelOptions.SingleThreadedUnaryStream, 1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.keepalive_time_ms", 30_000),
    # Reads alone: whether a commit that was not answered has happened, its caller must find out.
    (
        "grpc.service_config",
        json.dumps(
            {
                "methodConfig": [
                    {
                        "name": [
                            {"service": "google.firestore.v1.Firestore", "method": method}
                            for method in ("BatchGetDocuments", "RunQuery")
                        ],
                        "retryPolicy": {
                            "maxAttempts": 3,
                            "initialBackoff": "0.1s",
                            "maxBackoff": "1s",
                            "backoffMultiplier": 2,
                            "retryableStatusCodes": ["UNAVAILABLE"],
                        },
                    }
                ]
            }
        ),
    ),
)
_FIRESTORE_ADDRESS = "firestore.googleapis.com:443"
_FIRESTORE_SCOPES = ("https://www.googleapis.com/auth/datastore",)


@cache
def firestore_client(*, project: str, database: str) -> firestore.Client:
    from google.cloud import firestore

    return firestore.Client(project=project, database=database)


@cache
def firestore_channel() -> grpc.Channel:
    """For reads on the hot path, which speak protobuf without the client's object layer."""
    emulator = os.environ.get("FIRESTORE_EMULATOR_HOST")
    if emulator:
        return grpc.insecure_channel(emulator, options=_FIRESTORE_CHANNEL_OPTIONS)
    import google.auth
    from google.auth.transport.grpc import secure_authorized_channel
    from google.auth.transport.requests import Request

    credentials, _ = google.auth.default(scopes=_FIRESTORE_SCOPES)
    channel: grpc.Channel = secure_authorized_channel(  # type: ignore[no-untyped-call]
        credentials, Request(), _FIRESTORE_ADDRESS, options=_FIRESTORE_CHANNEL_OPTIONS
    )
    return channel


def firestore_metadata(database: str) -> tuple[tuple[str, str], ...]:
    """Headers of a call on `firestore_channel`: routing, and the emulator's stand-in for credentials."""
    routing = ("x-goog-request-params", f"database={quote(database, safe='')}")
    if os.environ.get("FIRESTORE_EMULATOR_HOST"):
        return (routing, ("authorization", "Bearer owner"))
    return (routing,)


@cache
def kms_client() -> kms_v1.KeyManagementServiceClient:
    from google.cloud import kms_v1

    endpoint = os.environ.get("TOK_KMS_ENDPOINT")
    if not endpoint:
        return kms_v1.KeyManagementServiceClient()
    from google.cloud.kms_v1.services.key_management_service.transports import (
        KeyManagementServiceGrpcTransport,
    )

    return kms_v1.KeyManagementServiceClient(
        transport=KeyManagementServiceGrpcTransport(channel=grpc.insecure_channel(endpoint))
    )


@cache
def tasks_client() -> tasks_v2.CloudTasksClient:
    from google.cloud import tasks_v2

    endpoint = os.environ.get("TOK_TASKS_ENDPOINT")
    if not endpoint:
        return tasks_v2.CloudTasksClient()
    from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

    return tasks_v2.CloudTasksClient(
        transport=CloudTasksGrpcTransport(channel=grpc.insecure_channel(endpoint))
    )


@cache
def scheduler_client() -> scheduler_v1.CloudSchedulerClient:
    from google.cloud import scheduler_v1

    endpoint = os.environ.get("TOK_SCHEDULER_ENDPOINT")
    if not endpoint:
        return scheduler_v1.CloudSchedulerClient()
    from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerGrpcTransport

    return scheduler_v1.CloudSchedulerClient(
        transport=CloudSchedulerGrpcTransport(channel=grpc.insecure_channel(endpoint))
    )
