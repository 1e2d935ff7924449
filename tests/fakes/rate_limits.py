from __future__ import annotations

from shared.domain.rate_limits import Charge, Refund, StoreOutOfReach, Tally


class FakeRateLimits:
    """What the store's ordered transforms do, in memory; `skew_us` is how far its clock is from the caller's."""

    def __init__(self) -> None:
        self.is_down = False
        self.trips = 0
        self.skew_us = 0
        self.tats: dict[str, int] = {}
        self.counts: dict[tuple[str, int], int] = {}

    def charge(self, organisation_id: str, charge: Charge, *, interval_us: int) -> Tally:
        self.trips += 1
        if self.is_down:
            raise StoreOutOfReach("UNAVAILABLE")
        tat_us = max(self.tats.get(organisation_id, 0), charge.now_us)
        self.tats[organisation_id] = tat_us + charge.tokens * interval_us - charge.unused_us
        tat_us = max(charge.now_us, tat_us - charge.unused_us)
        key = (organisation_id, charge.minute)
        count = self.counts.get(key, 0) - charge.unused
        self.counts[key] = count + charge.tokens
        return Tally(
            tat_us=tat_us, minute=charge.minute, count=count, committed_us=charge.now_us + self.skew_us
        )

    def give_back(self, organisation_id: str, refund: Refund) -> None:
        self.counts[organisation_id, refund.minute] -= refund.tokens
        self.tats[organisation_id] -= refund.tat_us

    def forget(self, organisation_id: str) -> None:
        self.tats.pop(organisation_id, None)
        self.counts = {key: count for key, count in self.counts.items() if key[0] != organisation_id}
