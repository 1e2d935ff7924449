"""What an operator of the platform, or the passing of a day, does: through Google's own clients."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import grpc
import httpx
from google.api_core.exceptions import FailedPrecondition, GoogleAPICallError
from google.cloud import firestore, scheduler_v1
from google.cloud.firestore_v1.base_query import FieldFilter
from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerGrpcTransport

from localcloud.stack import plan
from shared.domain.api_keys import hash_key
from shared.domain.proofs import Proof
from shared.gcp import paths
from shared.gcp.documents import to_document
from tests.stack import Stack, wait_for
from xs2a_bank.banks import BANKS
from xs2a_bank.data import accounts_of
from xs2a_bank.secret_values import fingerprint

Document = dict[str, Any]

_NUDGE_EVERY_SECONDS = 2.0


class Operations:
    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    @cached_property
    def data(self) -> firestore.Client:
        return self.stack.firestore("sandbox")

    @cached_property
    def control(self) -> firestore.Client:
        return self.stack.firestore("(default)")

    @cached_property
    def bank(self) -> firestore.Client:
        """The sandbox bank's own records."""
        return self.stack.firestore("sandbox-bank")

    @cached_property
    def scheduler(self) -> scheduler_v1.CloudSchedulerClient:
        channel = grpc.insecure_channel(self.stack.info["schedulerHost"])
        return scheduler_v1.CloudSchedulerClient(transport=CloudSchedulerGrpcTransport(channel=channel))

    def organisation_id(self, api_key: str) -> str:
        snapshot = self.control.document(paths.api_key_hash(hash_key(api_key))).get()
        return str(snapshot.get("organisation"))

    def consent(self, organisation_id: str, consent_id: str) -> Document:
        return self.data.document(paths.consent(organisation_id, consent_id)).get().to_dict() or {}

    def documents(self, organisation_id: str) -> dict[str, tuple[Any, Document]]:
        """Everything that is stored for an organisation: path → (update time, fields)."""
        found: dict[str, tuple[Any, Document]] = {}
        waiting = list(self.data.document(paths.organisation(organisation_id)).collections())
        while waiting:
            for reference in waiting.pop().list_documents():
                snapshot = reference.get()
                if snapshot.exists:
                    found[reference.path] = (snapshot.update_time, snapshot.to_dict() or {})
                waiting += reference.collections()
        return found

    def make_due(self, organisation_id: str, consent_id: str, *, at: datetime, **changes: Any) -> bool:
        """The next sync is due since `at`, and bank and platform have forgotten today's reads.

        False while a sync runs.
        """
        reference = self.data.document(paths.consent(organisation_id, consent_id))
        snapshot = reference.get()
        lease_until = (snapshot.get("lease") or {}).get("until")
        if lease_until is not None and lease_until > datetime.now(UTC):
            return False
        self._forget_reads(snapshot.get("bankConsentId"), snapshot.get("bankId"))
        for account_id in snapshot.get("accountIds"):
            account = self.data.document(paths.account(organisation_id, account_id))
            account.update({"reads": [], "limitedUntil": None})
        try:
            reference.update(
                {"nextSyncAt": at, "dueAt": datetime.now(UTC), "reads": [], **changes},
                option=self.data.write_option(last_update_time=snapshot.update_time),
            )
        except FailedPrecondition:
            return False
        return True

    def forget_pages(self, organisation_id: str, account_id: str) -> None:
        """Every booked row of an account, as if it had not been read yet."""
        pages = self.data.collection(paths.pages(organisation_id, account_id))
        batch = self.data.batch()
        for page in pages.where(filter=FieldFilter("lower", "<", paths.HEAD)).stream():
            batch.delete(page.reference)
        account = self.data.document(paths.account(organisation_id, account_id))
        batch.update(account, {"proof": to_document(Proof())})
        batch.commit()

    def tick(self, function: str = "sync_dispatch") -> None:
        self.scheduler.run_job(name=plan.job_name(function))

    def wait_synced_anew(self, api_key: str, consent_id: str, *, since: datetime, **changes: Any) -> None:
        """Until a sync that was due `since` is done. Postponed ones are made due again; `changes` are made once."""
        organisation_id = self.organisation_id(api_key)
        wait_for(
            lambda: self.make_due(organisation_id, consent_id, at=since, **changes),
            what=f"the end of the sync of {consent_id}",
        )
        self.wait_synced_since(organisation_id, consent_id, since=since)

    def wait_synced_since(self, organisation_id: str, consent_id: str, *, since: datetime) -> None:
        nudged_at = float("-inf")

        def synced() -> bool:
            nonlocal nudged_at
            try:
                consent = self.consent(organisation_id, consent_id)
                assert consent["status"] == "active", consent
                if (consent["lastSyncedAt"] or datetime.min.replace(tzinfo=UTC)) >= since:
                    return True
                if time.monotonic() - nudged_at > _NUDGE_EVERY_SECONDS:
                    nudged_at = time.monotonic()
                    if consent["nextSyncAt"] != since:
                        self.make_due(organisation_id, consent_id, at=since)
                    self.tick()
            except GoogleAPICallError:
                pass  # a part of the platform is down just now
            return False

        wait_for(synced, what=f"a sync of {consent_id}")

    def tick_until(self, look: Callable[[], bool], *, what: str) -> None:
        ticked_at = float("-inf")

        def looked() -> bool:
            nonlocal ticked_at
            if time.monotonic() - ticked_at > _NUDGE_EVERY_SECONDS:
                ticked_at = time.monotonic()
                self.tick()
            return look()

        wait_for(looked, what=what)

    def identity_token(self, *, email: str, audience: str) -> str:
        url = (
            f"{self.stack.info['identityUrl']}/computeMetadata/v1/instance/service-accounts/{email}/identity"
        )
        reply = httpx.get(
            url,
            params={"audience": audience},
            headers={"Metadata-Flavor": "Google"},
            timeout=60,
            trust_env=False,
        )
        return reply.raise_for_status().text

    def deliver_sync(self, organisation_id: str, consent_id: str, *, task: str) -> str:
        """Deliver a sync task as Cloud Tasks does; what came of it."""
        url = self.stack.info["functions"]["sync_consent"]
        token = self.identity_token(email=plan.service_account("tasks"), audience=url)
        reply = httpx.post(
            url,
            json={"organisationId": organisation_id, "consentId": consent_id},
            headers={"Authorization": f"Bearer {token}", "X-CloudTasks-TaskName": task},
            timeout=120,
            trust_env=False,
        )
        return str(reply.raise_for_status().json()["outcome"])

    def _forget_reads(self, bank_consent_id: str, bank_id: str) -> None:
        """Four unattended reads a day are all that a bank gives; tests have more than four syncs a day."""
        person = self.bank.collection("consents").document(bank_consent_id).get().get("person")
        endpoints = ["accounts", "accounts/"]
        for account in accounts_of(bank_id, person):
            if BANKS[bank_id].dialect == "bilateral":
                endpoints += [f"entries/{state}/{account.iban}" for state in ("BOOKED", "RESERVED")]
            else:
                kinds = ("balances", "transactions/booked", "transactions/pending")
                endpoints += [f"{kind}/{account.resource_id}" for kind in kinds]
        batch = self.bank.batch()
        for endpoint in endpoints:
            key = fingerprint(f"{bank_consent_id}/{endpoint}")
            batch.delete(self.bank.collection("reads").document(key))
        batch.commit()
