"""The plain protobuf classes of Cloud Scheduler's API that this server makes."""

from __future__ import annotations

from typing import Any

from google.cloud.scheduler_v1 import types

Job: Any = types.Job.pb()
ListJobsResponse: Any = types.ListJobsResponse.pb()
HttpMethod = types.HttpMethod
