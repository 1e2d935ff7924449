"""docs/operations.md names no command, file, secret or alert that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.infra.test_cloudbuild import make_targets

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/operations.md").read_text()
CODE = "\n".join(re.findall(r"```sh\n(.*?)```", TEXT, flags=re.DOTALL)) + "\n".join(
    re.findall(r"`([^`\n]+)`", TEXT)
)
TERRAFORM = "\n".join(path.read_text() for path in (ROOT / "infra/terraform").rglob("*.tf"))
MANIFEST = yaml.safe_load((ROOT / "functions/manifest.yaml").read_text())
# Made while following the page.
MADE_LATER = {"dist/traffic.json", "infra/terraform/terraform.tfvars", "infra/terraform/.terraform.lock.hcl"}


def test_every_make_target_exists() -> None:
    named = set(re.findall(r"\bmake ([a-z][a-z-]+)", CODE))

    assert {"package", "plan", "apply", "smoke", "rollback", "scan"} <= named
    assert named <= make_targets()


def test_every_python_command_exists() -> None:
    named = set(re.findall(r"-m (infra\.[a-z_]+)", CODE))

    assert named
    for module in named:
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), module


def test_every_file_exists() -> None:
    linked = {target for target in re.findall(r"\]\(([^)#]+)\)", TEXT) if not target.startswith("https:")}
    written = set(re.findall(r"`((?:[\w.-]+/)+[\w.-]+\.\w+)`", TEXT)) | set(
        re.findall(r"\b((?:infra|functions|shared|docs)/[\w./-]+\.(?:tf|py|yaml|md))\b", TEXT)
    )

    assert len(linked) > 3
    assert len(written) > 5
    for target in linked:
        assert (ROOT / "docs" / target).exists(), target
    for path in {path for path in written - MADE_LATER if not path.startswith("roles/")}:
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize(
    "heading", re.findall(r"^\[[^\]]+\]\(#([a-z-]+)\)|\(#([a-z-]+)\)", TEXT, flags=re.MULTILINE)
)
def test_every_link_inside_leads_somewhere(heading: tuple[str, str]) -> None:
    wanted = heading[0] or heading[1]
    headings = {
        re.sub(r"[^a-z0-9 _-]", "", line.lower()).strip().replace(" ", "-")
        for line in re.findall(r"^#+ (.+)$", TEXT, flags=re.MULTILINE)
    }
    assert wanted in headings


def test_every_alert_is_explained_and_every_explained_alert_exists() -> None:
    section = TEXT[TEXT.index("## Alerts") : TEXT.index("## Cost")]
    explained = set(re.findall(r"^### (\w+)$", section, flags=re.MULTILINE))
    rules = set(re.findall(r"^    (\w+) = \{\n      severity", TERRAFORM, flags=re.MULTILINE))
    apart = set(re.findall(r'resource "google_monitoring_alert_policy" "(\w+)"', TERRAFORM)) - {"this"}

    assert rules
    assert explained == rules | apart


@pytest.mark.parametrize("secret", sorted(set(re.findall(r"\b(?:live|sandbox)-[a-z]+-[a-z-]+\b", CODE))))
def test_every_named_secret_queue_or_service_is_terraforms(secret: str) -> None:
    name = secret.partition("-")[2]
    services = {function.replace("_", "-") for function in MANIFEST["functions"]}
    known = name in services or f'"{name}"' in TERRAFORM or name in {"accounts-00007-abc"}

    assert known, secret


def test_the_costs_add_up() -> None:
    """Each row's arithmetic gives its result, and the rows their sum."""
    tables = re.findall(
        r"\| what \| count each \| USD \|\n\| --- \| --- \| --- \|\n(.*?)\| \*\*sum\*\* \| \| \*\*([\d.]+)\*\*",
        TEXT,
        flags=re.DOTALL,
    )
    assert len(tables) == 2
    for rows, total in tables:
        results = []
        for row in rows.strip().splitlines():
            sum_text = row.split("|")[3].strip()
            calculation, _, result = sum_text.rpartition("=")
            results.append(float(result))
            if calculation:
                assert _calculate(calculation) == pytest.approx(float(result), abs=0.006), sum_text
        assert sum(results) == pytest.approx(float(total), abs=0.005)


def _calculate(text: str) -> float:
    """`12 M × 0.03 / 100,000`: products and quotients, and sums of them."""
    plain = re.sub(r"([\d.]+) M\b", r"\1e6", text).replace(",", "").replace("GB", "")
    value = 0.0
    for term in plain.split("+"):
        product = 1.0
        for operator, number in re.findall(r"([×/]?)\s*([\d.]+(?:e\d+)?)", term):
            product = product / float(number) if operator == "/" else product * float(number)
        value += product
    return value
