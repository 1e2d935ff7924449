"""Key rings: create, get, list."""

from __future__ import annotations

from typing import Any

from google.cloud.kms_v1.types import service

from localcloud.grpc_server import Message, unserved
from localcloud.kms import names
from localcloud.kms.store import KeyRing, Store
from localcloud.paging import cursor_of, page_size, split_page

MAX_PAGE = 1_000

ListKeyRingsResponse: Any = service.ListKeyRingsResponse.pb()


class KeyRings:
    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, request: Message) -> Message:
        location = names.location(request.parent)
        ring = KeyRing(
            name=f"{location}/keyRings/{names.checked_id(request.key_ring_id, field='key_ring_id')}"
        )
        ring.create_time.FromMicroseconds(self._store.clock.now_us())
        self._store.add_key_ring(ring, location=location)
        return ring

    def get(self, request: Message) -> Message:
        return self._store.key_ring(names.key_ring(request.name))

    def list(self, request: Message) -> Message:
        refuse_filter(request)
        location, size = names.location(request.parent), page_size(request.page_size, maximum=MAX_PAGE)
        found = self._store.key_rings(location, after=cursor_of(request.page_token), limit=size + 1)
        page, token = split_page(found, size=size)
        return ListKeyRingsResponse(
            key_rings=page,
            next_page_token=token,
            total_size=self._store.count("key_rings", column="location", value=location),
        )


def refuse_filter(request: Message) -> None:
    if request.filter or request.order_by:
        raise unserved("filter and order_by of a KMS list")
