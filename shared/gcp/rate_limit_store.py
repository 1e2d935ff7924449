"""What each organisation has used of its limit, in one document of the environment's own database.

A charge is one blind commit with ordered transforms: no read, no transaction, no retry, whoever else writes.
`tat` is GCRA's theoretical arrival time in Unix microseconds. `minute0` … `minute3` take turns; each holds the
minute's number and its count in one integer, so that `maximum` starts a new minute and `increment` counts in it.
"""

from __future__ import annotations

import grpc

from shared.domain.rate_limits import MINUTE_US, Charge, Refund, StoreOutOfReach, Tally
from shared.gcp import paths
from shared.gcp.raw_firestore import RawFirestore, Transform

_COUNT_BITS = 20
_MINUTE_FIELDS = 4
"""A refund that arrives after its minute has ended must not meet the count of another."""
_DEADLINE_SECONDS = 1.0
_KEPT_SECONDS = 86_400


class RateLimitStore:
    def __init__(self, data: RawFirestore) -> None:
        self._data = data

    def charge(self, organisation_id: str, charge: Charge, *, interval_us: int) -> Tally:
        """Raises StoreOutOfReach."""
        field = _minute_field(charge.minute)
        transforms = (
            Transform("maximum", "tat", charge.now_us),
            Transform("increment", "tat", charge.tokens * interval_us - charge.unused_us),
            Transform("maximum", field, charge.minute << _COUNT_BITS),
            Transform("increment", field, charge.tokens - charge.unused),
        )
        try:
            told = self._data.transform(
                paths.rate_limit(organisation_id),
                transforms,
                delete_at_seconds=charge.minute * MINUTE_US // 1_000_000 + _KEPT_SECONDS,
                deadline_seconds=_DEADLINE_SECONDS,
            )
        except grpc.RpcError as failure:
            status: grpc.StatusCode = failure.code()
            raise StoreOutOfReach(status.name) from failure
        tat_us, _, counted, _ = told.results
        left = counted - charge.unused
        return Tally(
            tat_us=max(charge.now_us, tat_us - charge.unused_us),
            minute=left >> _COUNT_BITS,
            count=left & ((1 << _COUNT_BITS) - 1),
            committed_us=told.committed_us,
        )

    def give_back(self, organisation_id: str, refund: Refund) -> None:
        """Not waited for. One that is lost costs the organisation those tokens, and gives it none."""
        transforms = [Transform("increment", _minute_field(refund.minute), -refund.tokens)]
        if refund.tat_us:
            transforms.append(Transform("increment", "tat", -refund.tat_us))
        self._data.transform_unawaited(
            paths.rate_limit(organisation_id), transforms, deadline_seconds=_DEADLINE_SECONDS
        )

    def forget(self, organisation_id: str) -> None:
        """Not waited for: the organisation starts anew."""
        self._data.delete_unawaited(paths.rate_limit(organisation_id), deadline_seconds=_DEADLINE_SECONDS)


def _minute_field(minute: int) -> str:
    return f"minute{minute % _MINUTE_FIELDS}"
