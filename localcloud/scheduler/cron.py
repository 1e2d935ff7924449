"""The ticks of a schedule: unix-cron in a time zone, read by cronsim.

Around a change of daylight saving time they follow Debian's cron, as cronsim does: a job of a skipped hour runs right
after it, a job of a repeated hour runs once.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from localcloud.clock import from_us, to_us
from localcloud.grpc_server import invalid

# cronsim also knows L, W, # and seconds, which Google's unix-cron does not.
_NAMES = "SUN|MON|TUE|WED|THU|FRI|SAT|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC"
# cronsim walks local times, and an hour that a change of time repeats or skips puts those out of order: starting this
# far before (or after) the moment and looking at the real times finds every tick.
_AROUND_US = 3 * 3600 * 1_000_000
_FIELD = re.compile(rf"(?:[0-9*,/-]|{_NAMES})+", re.IGNORECASE)


class Cron:
    def __init__(self, schedule: str, *, time_zone: str) -> None:
        """Raises Refused when the schedule or the time zone is not one."""
        self._schedule = schedule
        self._zone = _zone(time_zone)
        fields = schedule.split()
        if len(fields) != 5 or not all(_FIELD.fullmatch(field) for field in fields):
            raise invalid(f"Schedule {schedule!r} must be five fields in unix-cron format.")
        try:
            next(CronSim(schedule, datetime(2000, 1, 1, tzinfo=UTC)))
        except (CronSimError, StopIteration) as error:
            raise invalid(f"Schedule {schedule!r} is not valid or never comes due: {error}.") from None

    def after_us(self, moment_us: int) -> int:
        """The first tick after the moment (microseconds since 1970)."""
        start = self._local(moment_us - _AROUND_US)
        return next(tick for tick in map(to_us, CronSim(self._schedule, start)) if tick > moment_us)

    def latest_us(self, moment_us: int) -> int:
        """The last tick at or before the moment."""
        start = self._local(moment_us + _AROUND_US)
        ticks = map(to_us, CronSim(self._schedule, start, reverse=True))
        return next(tick for tick in ticks if tick <= moment_us)

    def shown(self, moment_us: int) -> str:
        """RFC 3339, with the schedule's own offset to UTC."""
        return self._local(moment_us).isoformat().replace("+00:00", "Z")

    def _local(self, moment_us: int) -> datetime:
        return from_us(moment_us).astimezone(self._zone)


def _zone(name: str) -> tzinfo:
    if name.lower() in ("", "utc", "etc/utc"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise invalid(f"{name!r} is not a time zone of the tz database.") from None
