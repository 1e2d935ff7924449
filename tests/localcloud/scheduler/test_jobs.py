from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from google.api_core.exceptions import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    MethodNotImplemented,
    NotFound,
)
from google.cloud import scheduler_v1

from tests.localcloud.http_receiver import Receiver
from tests.localcloud.scheduler.conftest import MINUTE, Client, MakeJob

State = scheduler_v1.Job.State


def test_a_new_job_is_enabled_with_googles_defaults(client: Client, make_job: MakeJob) -> None:
    job = make_job()
    assert job.state == State.ENABLED
    assert job.http_target.http_method == scheduler_v1.HttpMethod.POST
    assert job.attempt_deadline == timedelta(minutes=3)
    assert job.time_zone == "Etc/UTC"
    assert job.retry_config.retry_count == 0
    assert job.retry_config.min_backoff_duration == timedelta(seconds=5)
    assert job.retry_config.max_backoff_duration == timedelta(hours=1)
    assert job.retry_config.max_doublings == 5
    now = datetime.now(UTC)
    assert now < job.schedule_time <= now + timedelta(hours=1)
    assert (job.schedule_time.minute, job.schedule_time.second) == (MINUTE, 0)
    assert client.get_job(name=job.name) == job


def test_a_job_is_created_once_and_gets_a_name_if_it_has_none(
    client: Client, make_job: MakeJob, parent: str
) -> None:
    job = make_job()
    with pytest.raises(AlreadyExists):
        client.create_job(parent=parent, job=job)
    named = make_job(name="")
    assert named.name.startswith(f"{parent}/jobs/")


def test_jobs_are_listed_in_pages(client: Client, make_job: MakeJob, parent: str) -> None:
    for _ in range(3):
        make_job()
    pages = list(client.list_jobs({"parent": parent, "page_size": 2}).pages)
    assert [[job.name[-1] for job in page.jobs] for page in pages] == [["0", "1"], ["2"]]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"schedule": ""}, "unix-cron"),
        ({"schedule": "every 5 minutes"}, "unix-cron"),
        ({"schedule": "* * * * * *"}, "unix-cron"),
        ({"schedule": "0 0 L * *"}, "unix-cron"),
        ({"schedule": "61 * * * *"}, "minute"),
        ({"schedule": "0 0 30 2 *"}, "day-of-month"),
        ({"time_zone": "Europe/Atlantis"}, "time zone"),
        ({"time_zone": "../../etc/passwd"}, "time zone"),
        ({"http_target": {"uri": "https://example.com/"}}, "loopback"),
        ({"http_target": {"http_method": "GET", "body": b"x"}}, "body"),
        ({"http_target": {"oidc_token": {"audience": "a"}}}, "service_account_email"),
        ({"attempt_deadline": timedelta(seconds=14)}, "attempt_deadline"),
        ({"attempt_deadline": timedelta(minutes=31)}, "attempt_deadline"),
        ({"retry_config": {"retry_count": 6}}, "retry_count"),
        ({"retry_config": {"min_backoff_duration": timedelta(hours=2)}}, "min_backoff_duration"),
        ({"description": "d" * 501}, "description"),
        ({"name": "projects/p/locations/l/jobs/j"}, "parent"),
    ],
)
def test_what_cannot_be_a_job_is_refused(make_job: MakeJob, settings: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        make_job(**settings)


def test_other_targets_and_calls_are_not_served(client: Client, parent: str) -> None:
    target = {"topic_name": "projects/p/topics/t", "data": b"x"}
    with pytest.raises(MethodNotImplemented, match="Pub/Sub"):
        client.create_job(parent=parent, job={"schedule": "* * * * *", "pubsub_target": target})
    with pytest.raises(MethodNotImplemented, match="ListLocations is not served"):
        client.list_locations({"name": "projects/p"})


def test_an_update_changes_what_the_mask_names(client: Client, make_job: MakeJob) -> None:
    job = make_job(description="before")
    changed = {"name": job.name, "description": "after", "schedule": "0 0 1 1 *"}
    updated = client.update_job(job=changed, update_mask={"paths": ["schedule"]})
    assert (updated.description, updated.schedule) == ("before", "0 0 1 1 *")
    assert (updated.schedule_time.month, updated.schedule_time.day) == (1, 1)
    with pytest.raises(InvalidArgument, match="update_mask"):
        client.update_job(job=changed, update_mask={"paths": ["state"]})
    with pytest.raises(InvalidArgument, match="unix-cron"):
        client.update_job(job={"name": job.name, "schedule": "x"}, update_mask={"paths": ["schedule"]})
    assert client.get_job(name=job.name).schedule == "0 0 1 1 *"


def test_pausing_and_resuming(client: Client, make_job: MakeJob) -> None:
    job = make_job()
    with pytest.raises(FailedPrecondition):
        client.resume_job(name=job.name)
    assert client.pause_job(name=job.name).state == State.PAUSED
    with pytest.raises(FailedPrecondition):
        client.pause_job(name=job.name)
    assert client.resume_job(name=job.name).state == State.ENABLED


def test_a_paused_job_still_runs_by_hand(client: Client, make_job: MakeJob, receiver: Receiver) -> None:
    job = make_job()
    client.pause_job(name=job.name)
    client.run_job(name=job.name)
    receiver.wait_for(1, path="/tick")


def test_a_deleted_job_is_gone(client: Client, parent: str) -> None:
    asked = {"schedule": "0 * * * *", "http_target": {"uri": "http://127.0.0.1:9/"}}
    job = client.create_job(parent=parent, job=asked)
    client.delete_job(name=job.name)
    for call in (client.get_job, client.delete_job, client.run_job, client.pause_job):
        with pytest.raises(NotFound):
            call(name=job.name)
