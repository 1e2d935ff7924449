"""What a job may be: names, targets, retry settings, and their defaults."""

from __future__ import annotations

import re

from localcloud.grpc_server import Message, invalid, unserved
from localcloud.http_target import check_target, check_tokens
from localcloud.locations import LOCATION
from localcloud.scheduler.cron import Cron
from localcloud.scheduler.messages import HttpMethod

_JOB = re.compile(rf"({LOCATION.pattern})/jobs/[A-Za-z0-9_-]{{1,500}}")

_MAX_JOB_BYTES = 1024 * 1024
_MAX_DESCRIPTION = 500
_MAX_RETRIES = 5
_DEADLINE_SECONDS = (15, 30 * 60)
_DEADLINE_SECONDS_DEFAULT = 3 * 60
_MIN_BACKOFF_SECONDS_DEFAULT = 5
_MAX_BACKOFF_SECONDS_DEFAULT = 3600
_DOUBLINGS_DEFAULT = 5


def job_name(name: str) -> str:
    if not _JOB.fullmatch(name):
        raise invalid(
            "Job name must be projects/PROJECT_ID/locations/LOCATION_ID/jobs/JOB_ID, and JOB_ID up to 500 letters, "
            f"numbers, hyphens and underscores, not {name!r}."
        )
    return name


def cron_of(job: Message) -> Cron:
    return Cron(job.schedule, time_zone=job.time_zone)


def complete(job: Message, *, has_identity: bool) -> None:
    """Fill in the defaults in place and refuse what cannot be a job. Raises Refused."""
    if job.ByteSize() > _MAX_JOB_BYTES:
        raise invalid(f"Job size must not exceed {_MAX_JOB_BYTES} bytes.")
    if len(job.description) > _MAX_DESCRIPTION:
        raise invalid(f"description must not contain more than {_MAX_DESCRIPTION} characters.")
    if not job.HasField("http_target"):
        raise unserved("A job without http_target (Pub/Sub and App Engine targets)")
    _complete_target(job.http_target, has_identity=has_identity)
    job.time_zone = job.time_zone or "Etc/UTC"
    cron_of(job)
    if not job.HasField("attempt_deadline"):
        job.attempt_deadline.FromSeconds(_DEADLINE_SECONDS_DEFAULT)
    if not _DEADLINE_SECONDS[0] <= job.attempt_deadline.ToMilliseconds() / 1000 <= _DEADLINE_SECONDS[1]:
        raise invalid("attempt_deadline must be between 15 seconds and 30 minutes.")
    _complete_retry(job.retry_config)


def _complete_target(target: Message, *, has_identity: bool) -> None:
    if not target.http_method:
        target.http_method = HttpMethod.POST
    check_target(
        url=target.uri,
        method=HttpMethod(target.http_method).name,
        headers=target.headers,
        body=target.body,
        field="HttpTarget.uri",
    )
    check_tokens(target, field="HttpTarget", has_identity=has_identity)


def _complete_retry(retry: Message) -> None:
    if not 0 <= retry.retry_count <= _MAX_RETRIES:
        raise invalid(f"retry_config.retry_count must be between 0 and {_MAX_RETRIES}.")
    if not retry.HasField("max_retry_duration"):
        retry.max_retry_duration.FromSeconds(0)
    if not retry.HasField("min_backoff_duration"):
        retry.min_backoff_duration.FromSeconds(_MIN_BACKOFF_SECONDS_DEFAULT)
    if not retry.HasField("max_backoff_duration"):
        retry.max_backoff_duration.FromSeconds(_MAX_BACKOFF_SECONDS_DEFAULT)
    retry.max_doublings = retry.max_doublings or _DOUBLINGS_DEFAULT
    for field in ("max_retry_duration", "min_backoff_duration", "max_backoff_duration"):
        if getattr(retry, field).ToMicroseconds() < 0:
            raise invalid(f"retry_config.{field} must not be negative.")
    if retry.max_doublings < 0:
        raise invalid("retry_config.max_doublings must not be negative.")
    if retry.min_backoff_duration.ToMicroseconds() > retry.max_backoff_duration.ToMicroseconds():
        raise invalid("retry_config.min_backoff_duration must not be longer than max_backoff_duration.")
