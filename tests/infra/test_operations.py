"""docs/operations.md names no command, file, secret or alert that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from benchmarks.sync_cost import USUAL_TOKEN_LIFE, costs
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


def test_what_a_month_costs_whatever_the_load_follows_from_the_manifest() -> None:
    functions = MANIFEST["functions"].values()
    warm = sum(entry["min_instances"] * len(entry["environments"]) for entry in functions)
    jobs = sum(len(entry["environments"]) for entry in functions if entry["trigger"] == "scheduler")
    section = " ".join(TEXT[TEXT.index("**A month, whatever the load:**") :].split("\n\n")[0].split())

    assert (
        f"{warm} × 2,592,000 s × (1 vCPU + 0.5 GiB) × 0.0000025 = {warm * 2_592_000 * 1.5 * 2.5e-6:.2f}"
        in section
    )
    assert "730 h × 0.025 = 18.25" in section
    assert jobs == 6
    assert f"six jobs {jobs * 0.10:.2f}" in section


def test_the_deployer_cannot_approve_its_own_deployment() -> None:
    """roles/owner and roles/editor may approve a build."""
    grants = re.search(r"for role in (.*?); do", CODE, flags=re.DOTALL)
    assert grants is not None
    roles = grants[1].replace("\\\n", " ").split()
    assert len(roles) > 15
    assert {"owner", "editor", "cloudbuild.builds.approver"}.isdisjoint(roles)
    assert not re.search(r"deployer\S*[^`]*--role=roles/(owner|editor)", CODE)


def _table(heading: str) -> dict[str, list[str]]:
    """The rows of the first table behind `heading`, by their first cell."""
    rows = TEXT[TEXT.index(heading) :].split("\n\n| ", 1)[1].split("\n\n", 1)[0].splitlines()
    cells = [[cell.strip() for cell in row.strip("| ").split("|")] for row in rows]
    return {row[0]: row[1:] for row in cells}


def test_the_counts_of_a_sync_are_those_of_the_code() -> None:
    """Whole numbers, rounded up, of the very sync that the page speaks of."""
    rows, many = _table("**A million syncs**"), 20
    cost = costs(consents=many, accounts=2, token_life=USUAL_TOKEN_LIFE)
    measured = {
        "Firestore reads": cost.unchanged.document_reads - cost.idle.document_reads,
        "Firestore writes": cost.unchanged.document_writes,
        "KMS": cost.unchanged.kms_calls,
        "Cloud Tasks": 2 * (cost.unchanged.tasks - cost.idle.tasks),
        "Cloud Run time": cost.unchanged.bank_calls,
    }
    told = {name: int(re.match(r"\d+", rows[name][0])[0]) for name in measured}  # type: ignore[index]
    assert told == {name: -(-count // many) for name, count in measured.items()}
    for name in ("Firestore reads", "Firestore writes", "KMS", "Cloud Tasks"):
        assert rows[name][1].startswith(f"{told[name]} M ×"), name


def test_growth_follows_from_the_costs() -> None:
    """From 100,000 consents, four syncs a day each; told in three digits."""
    rows = _table("## Growth")
    syncs = _table("**A million syncs**")
    per_second, per_month = 100_000 * 4 / 86_400, 100_000 * 4 * 30 / 1e6
    writes, kms = (int(re.match(r"\d+", syncs[name][0])[0]) for name in ("Firestore writes", "KMS"))  # type: ignore[index]
    month = next(name for name in rows if name.startswith("cost of syncs"))
    dollars = per_month * float(syncs["**sum**"][1].strip("*"))
    now = int(re.search(r"now (\d+) USD", month)[1])  # type: ignore[index]
    assert now == pytest.approx(dollars, abs=0.5)
    for name, unit in (
        ("syncs", per_second),
        ("Firestore writes", per_second * writes),
        ("KMS", per_second * kms),
        ("worker instances", per_second * 2 / 8),
        (month, now),
    ):
        for text, factor in zip(rows[name][:2], (10, 1_000), strict=True):
            number = float(re.search(r"([\d,]+)(?:/s)?$", text)[1].replace(",", ""))  # type: ignore[index]
            assert number == pytest.approx(unit * factor, rel=0.05), f"{name}: {text}"


@pytest.mark.parametrize(
    "heading",
    [
        "First deployment",
        "A bank's certificates",
        "Rotating keys",
        "Restoring data",
        "Alerts",
        "Cost",
        "One region, and the path to several",
        "Growth",
        "Delivery",
        "Rolling back",
    ],
)
def test_what_an_operator_looks_for_has_its_place_and_is_in_the_contents(heading: str) -> None:
    anchor = re.sub(r"[^a-z ]", "", heading.lower()).replace(" ", "-")
    assert f"\n## {heading}\n" in TEXT
    assert f"(#{anchor})" in TEXT[: TEXT.index("## First deployment")]


def test_the_steps_of_the_first_deployment_are_numbered_and_end_with_a_client() -> None:
    section = TEXT[TEXT.index("## First deployment") : TEXT.index("## Delivery")]
    numbers = [int(number) for number in re.findall(r"^(\d+)\. \*\*", section, flags=re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert "/v1/organisations" in section
    assert "set-tier" in section


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
