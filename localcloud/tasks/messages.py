"""The plain protobuf classes of Cloud Tasks' API that this server makes."""

from __future__ import annotations

from typing import Any

from google.cloud.tasks_v2 import types
from google.longrunning import operations_pb2  # type: ignore[import-untyped]

Queue: Any = types.Queue.pb()
RateLimits: Any = types.RateLimits.pb()
RetryConfig: Any = types.RetryConfig.pb()
Task: Any = types.Task.pb()
Operation: Any = operations_pb2.Operation
GetOperationRequest: Any = operations_pb2.GetOperationRequest
HttpMethod = types.HttpMethod
ListQueuesResponse: Any = types.ListQueuesResponse.pb()
ListTasksResponse: Any = types.ListTasksResponse.pb()
BatchCreateTasksResponse: Any = types.BatchCreateTasksResponse.pb()
BatchCreateTasksMetadata: Any = types.BatchCreateTasksMetadata.pb()
