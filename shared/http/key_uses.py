"""The day on which each key was last used: at most one write a day and key from an instance, and none once it is known.

The look-up of a key brings the day that is recorded already, so that a new instance writes nothing for a key that
was used elsewhere today. The write goes to the data database; the relay takes it to the control plane.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import date
from threading import Lock

from shared.domain.api_keys import ApiKey
from shared.domain.clock import Clock
from shared.http.log import logger
from shared.use_cases.relay import KeyUse

_REMEMBERED_MAX = 10_000


class DailyKeyUses:
    def __init__(self, write: Callable[[KeyUse], None], *, clock: Clock) -> None:
        self._write = write
        self._clock = clock
        self._noted: OrderedDict[str, date] = OrderedDict()
        self._lock = Lock()

    def note(self, key: ApiKey) -> None:
        today = self._clock.now().date()
        if key.last_used_on is not None and key.last_used_on >= today:
            return
        with self._lock:
            if self._noted.get(key.id) == today:
                return
            self._noted[key.id] = today
            self._noted.move_to_end(key.id)
            if len(self._noted) > _REMEMBERED_MAX:
                self._noted.popitem(last=False)
        try:
            self._write(KeyUse(organisation_id=key.organisation_id, key_id=key.id, on=today))
        except Exception as failure:  # a client's request is worth more than this note
            logger("key_uses").warning("not noted", key=key.id, failure=type(failure).__name__)
