from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import httpx
import pytest
from google.cloud import scheduler_v1
from joserfc import jwt
from joserfc.jwk import KeySet
from test_utils.retry import RetryResult

from tests.localcloud.http_receiver import Answer, Received, Receiver
from tests.localcloud.scheduler.conftest import FAST_RETRIES, Client, MakeJob

MoveTo = Callable[[datetime], None]

HOUR = timedelta(hours=1)


def wait_for_next_tick(client: Client, name: str, *, after: datetime) -> scheduler_v1.Job:
    """The job once its execution is over and it waits for a tick later than `after`."""
    waiting = RetryResult(lambda job: job.schedule_time > after, max_tries=300, delay=0.1, backoff=1)
    job: scheduler_v1.Job = waiting(client.get_job)(name=name)
    return job


def schedule_time(request: Received) -> datetime:
    return datetime.fromisoformat(request.headers["x-cloudscheduler-scheduletime"])


def test_a_tick_is_delivered_with_its_headers(
    client: Client, make_job: MakeJob, receiver: Receiver, move_to: MoveTo
) -> None:
    job = make_job(
        http_target={
            "http_method": "PUT",
            "body": b"{}",
            "headers": {"X-Tok": "yes", "X-CloudScheduler-JobName": "mine", "User-Agent": "mine"},
        }
    )
    move_to(job.schedule_time + timedelta(seconds=1))
    (request,) = receiver.wait_for(1, path="/tick")
    assert (request.method, request.body) == ("PUT", b"{}")
    headers = request.headers
    assert headers["x-tok"] == "yes"
    assert headers["user-agent"] == "Google-Cloud-Scheduler"
    assert headers["content-type"] == "application/octet-stream"
    assert headers["x-cloudscheduler"] == "true"
    assert headers["x-cloudscheduler-jobname"] == "tick0"
    assert headers["x-cloudscheduler-scheduletime"] == f"{job.schedule_time:%Y-%m-%dT%H:%M:00}Z"

    after = wait_for_next_tick(client, job.name, after=job.schedule_time)
    assert after.schedule_time == job.schedule_time + HOUR
    assert after.status.code == 0
    assert after.last_attempt_time >= job.schedule_time


def test_the_schedule_time_keeps_its_zone(make_job: MakeJob, receiver: Receiver, move_to: MoveTo) -> None:
    job = make_job(schedule="30 3 1 7 *", time_zone="Europe/Belgrade")
    assert (job.schedule_time.hour, job.schedule_time.minute) == (1, 30)
    move_to(job.schedule_time + timedelta(seconds=1))
    (request,) = receiver.wait_for(1, path="/tick")
    expected = f"{job.schedule_time.year}-07-01T03:30:00+02:00"
    assert request.headers["x-cloudscheduler-scheduletime"] == expected


def test_of_many_missed_ticks_the_latest_runs_once(
    client: Client, make_job: MakeJob, receiver: Receiver, move_to: MoveTo
) -> None:
    job = make_job()
    move_to(job.schedule_time + 50 * HOUR + timedelta(minutes=1))
    (request,) = receiver.wait_for(1, path="/tick")
    assert schedule_time(request) == job.schedule_time + 50 * HOUR
    after = wait_for_next_tick(client, job.name, after=job.schedule_time + 50 * HOUR)
    assert after.schedule_time == job.schedule_time + 51 * HOUR
    assert len(receiver.received("/tick")) == 1


def test_ticks_missed_in_a_pause_stay_skipped(
    client: Client, make_job: MakeJob, receiver: Receiver, move_to: MoveTo
) -> None:
    paused, other = make_job(), make_job(http_target={"uri": f"{receiver.url}/other"})
    client.pause_job(name=paused.name)
    move_to(paused.schedule_time + timedelta(minutes=1))
    receiver.wait_for(1, path="/other")
    resumed = client.resume_job(name=paused.name)
    assert resumed.schedule_time == paused.schedule_time + HOUR
    move_to(other.schedule_time + HOUR + timedelta(minutes=1))
    receiver.wait_for(2, path="/other")
    (request,) = receiver.wait_for(1, path="/tick")
    assert schedule_time(request) == paused.schedule_time + HOUR


def test_executions_of_a_job_never_overlap(make_job: MakeJob, receiver: Receiver, move_to: MoveTo) -> None:
    go_on = threading.Event()

    def answer(request: Received) -> Answer:
        if request.path == "/tick":
            go_on.wait(30)
        return Answer()

    receiver.answer = answer
    slow, other = make_job(), make_job(http_target={"uri": f"{receiver.url}/other"})
    move_to(slow.schedule_time + timedelta(seconds=1))
    receiver.wait_for(1, path="/tick")
    for hours in (1, 2):
        move_to(other.schedule_time + hours * HOUR + timedelta(seconds=1))
        receiver.wait_for(1 + hours, path="/other")
    assert len(receiver.received("/tick")) == 1
    go_on.set()
    first, late = receiver.wait_for(2, path="/tick")
    assert schedule_time(first) == slow.schedule_time
    assert schedule_time(late) == slow.schedule_time + 2 * HOUR


def test_a_failure_is_not_retried_unless_asked(
    client: Client, make_job: MakeJob, receiver: Receiver, move_to: MoveTo
) -> None:
    receiver.answer = lambda _request: Answer(503)
    job = make_job(retry_config=FAST_RETRIES)
    move_to(job.schedule_time + timedelta(seconds=1))
    receiver.wait_for(1, path="/tick")
    after = wait_for_next_tick(client, job.name, after=job.schedule_time)
    assert after.status.code == 14
    assert len(receiver.received("/tick")) == 1


def test_a_failure_is_retried_as_often_as_asked_with_the_same_schedule_time(
    client: Client, make_job: MakeJob, receiver: Receiver, move_to: MoveTo
) -> None:
    receiver.answer = lambda _request: Answer(500)
    job = make_job(retry_config={"retry_count": 2, **FAST_RETRIES})
    move_to(job.schedule_time + timedelta(seconds=1))
    requests = receiver.wait_for(3, path="/tick")
    after = wait_for_next_tick(client, job.name, after=job.schedule_time)
    assert after.status.code == 13
    assert [schedule_time(request) for request in requests] == [job.schedule_time] * 3
    assert len(receiver.received("/tick")) == 3


def test_retries_end_with_a_success(
    client: Client, make_job: MakeJob, receiver: Receiver, move_to: MoveTo
) -> None:
    answers = iter([500, 204])
    receiver.answer = lambda _request: Answer(next(answers))
    job = make_job(retry_config={"retry_count": 5, **FAST_RETRIES})
    move_to(job.schedule_time + timedelta(seconds=1))
    receiver.wait_for(2, path="/tick")
    after = wait_for_next_tick(client, job.name, after=job.schedule_time)
    assert after.status.code == 0
    assert len(receiver.received("/tick")) == 2


def test_a_retry_gives_way_to_the_next_tick(
    client: Client, make_job: MakeJob, receiver: Receiver, move_to: MoveTo
) -> None:
    receiver.answer = lambda _request: Answer(500)
    two_hours = timedelta(hours=2)
    job = make_job(
        retry_config={
            "retry_count": 5,
            "min_backoff_duration": two_hours,
            "max_backoff_duration": two_hours,
        }
    )
    move_to(job.schedule_time + timedelta(seconds=1))
    receiver.wait_for(1, path="/tick")
    after = wait_for_next_tick(client, job.name, after=job.schedule_time)
    assert after.schedule_time == job.schedule_time + HOUR


def test_running_by_hand_leaves_the_schedule_alone(
    client: Client, make_job: MakeJob, receiver: Receiver
) -> None:
    job = make_job()
    assert client.run_job(name=job.name).schedule_time == job.schedule_time
    receiver.wait_for(1, path="/tick")
    assert client.get_job(name=job.name).schedule_time == job.schedule_time


@pytest.mark.parametrize("audience", ["", "https://sync-dispatch.example"])
def test_an_oidc_token_names_the_account_and_the_audience(
    client: Client, make_job: MakeJob, receiver: Receiver, identity_url: str, audience: str
) -> None:
    oidc = {"service_account_email": "scheduler@tok.iam.gserviceaccount.com", "audience": audience}
    job = make_job(http_target={"oidc_token": oidc})
    client.run_job(name=job.name)
    (request,) = receiver.wait_for(1, path="/tick")
    keys = KeySet.import_key_set(httpx.get(f"{identity_url}/oauth2/v3/certs").json())
    token = request.headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, keys, algorithms=["RS256"]).claims
    assert claims["email"] == oidc["service_account_email"]
    assert claims["aud"] == (audience or f"{receiver.url}/tick")
