"""Golden cases: `golden/<bank>/<case>.input.json` is a redacted answer of the bank, `.golden.json` what Tok reads.

`python -m tests.unit.banks.regenerate` writes the latter.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import msgspec

from shared.banks import registry
from shared.banks.profile import BankSetup
from shared.domain.bank_data import BankAccount
from tests.unit.banks.scripted_bank import ACCESS, FixedClock, json_answer

FOLDER = Path(__file__).parent / "golden"


@dataclass(frozen=True)
class Case:
    input_file: Path

    @property
    def name(self) -> str:
        return f"{self.input_file.parent.name}/{self.input_file.name.removesuffix('.input.json')}"

    @property
    def golden_file(self) -> Path:
        return self.input_file.with_name(self.input_file.name.replace(".input.", ".golden."))

    def read(self) -> Any:
        """What the bank's connector makes of the answer, as JSON."""
        case = json.loads(self.input_file.read_text())
        module = next(m for m in registry._MODULES if m.PROFILE.id == self.input_file.parent.name)
        address = f"https://bank.example/{module.PROFILE.id}"
        setup = BankSetup(
            profile=module.PROFILE,
            base_url=address,
            issuer=address,
            client_id="tok",
            client_secret="client-secret",
            timeout_seconds=20.0,
        )
        transport = httpx.MockTransport(json_answer(case["answer"]))
        connector = module.connector(setup, clock=FixedClock(), transport=transport)
        found: Any
        match case["call"]:
            case "accounts":
                found = connector.accounts(ACCESS)
            case "balances":
                found = connector.balances(ACCESS, msgspec.convert(case["account"], BankAccount))
            case "transactions_page":
                found = connector.transactions_page(
                    ACCESS,
                    msgspec.convert(case["account"], BankAccount),
                    status=case["status"],
                    date_from=date(2026, 1, 1),
                )
            case unknown:
                raise ValueError(unknown)
        return json.loads(msgspec.json.encode(found))

    def golden(self) -> Any:
        return json.loads(self.golden_file.read_text())


CASES = tuple(Case(file) for file in sorted(FOLDER.glob("*/*.input.json")))
