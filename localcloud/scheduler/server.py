"""The calls of google.cloud.scheduler.v1.CloudScheduler that are served here."""

from __future__ import annotations

from google.cloud.scheduler_v1.types import cloudscheduler
from google.protobuf.empty_pb2 import Empty

from localcloud.grpc_server import Method, Service
from localcloud.scheduler.jobs import Jobs
from localcloud.scheduler.messages import Job, ListJobsResponse
from localcloud.scheduler.runner import Runner
from localcloud.scheduler.store import Store


def cloud_scheduler_service(store: Store, runner: Runner, *, has_identity: bool) -> Service:
    jobs = Jobs(store, changed=runner.wake, has_identity=has_identity)
    handlers = {
        "CreateJob": (jobs.create, Job),
        "GetJob": (jobs.get, Job),
        "ListJobs": (jobs.list, ListJobsResponse),
        "UpdateJob": (jobs.update, Job),
        "DeleteJob": (jobs.delete, Empty),
        "PauseJob": (jobs.pause, Job),
        "ResumeJob": (jobs.resume, Job),
        "RunJob": (jobs.run, Job),
    }
    return Service(
        name="google.cloud.scheduler.v1.CloudScheduler",
        methods={
            name: Method(handle=handle, request=getattr(cloudscheduler, f"{name}Request").pb(), reply=reply)
            for name, (handle, reply) in handlers.items()
        },
    )
