"""Where Google keeps queues and jobs: the name that theirs begin with."""

from __future__ import annotations

import re

from localcloud.grpc_server import invalid

LOCATION = re.compile(r"projects/[A-Za-z0-9:.-]+/locations/[a-z0-9-]+")


def location(name: str) -> str:
    """Raises Refused."""
    if not LOCATION.fullmatch(name):
        raise invalid(f"Location name must be projects/PROJECT_ID/locations/LOCATION_ID, not {name!r}.")
    return name
