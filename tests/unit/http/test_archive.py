"""The archive is an ordinary zip, holds every line once however it is cut, and is never whole in memory."""

from __future__ import annotations

import io
import json
import random
import tracemalloc
import zipfile
from collections.abc import Iterator

import pytest

from shared.http.archive import zip_lines
from shared.use_cases.export_organisation import Line

UNLIMITED = 1 << 40


def lines(count: int, *, files: int = 3, after: int = 0) -> Iterator[Line]:
    for number in range(after, count):
        noise = random.Random(number).randbytes(200).hex()
        yield Line(
            file=f"{number * files // count}.jsonl",
            json=json.dumps({"number": number, "noise": noise}).encode(),
            position=str(number),
        )


def manifest(position: str | None, counts: dict[str, int]) -> bytes:
    return json.dumps({"next": position, "counts": counts}).encode()


def read(archive: bytes) -> tuple[list[int], dict[str, object]]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.testzip() is None
        names = opened.namelist()
        assert names[-1] == "manifest.json"
        content = [opened.read(name) for name in names[:-1]]
        told = json.loads(opened.read("manifest.json"))
    numbers = [json.loads(line)["number"] for text in content for line in text.splitlines()]
    assert told["counts"] == {
        name: len(text.splitlines()) for name, text in zip(names[:-1], content, strict=True)
    }
    return numbers, told


def test_every_line_is_in_its_file_in_order() -> None:
    numbers, told = read(b"".join(zip_lines(lines(1000), limit_bytes=UNLIMITED, manifest=manifest)))
    assert numbers == list(range(1000))
    assert told["next"] is None


def test_nothing_to_export_is_an_archive_too() -> None:
    assert read(b"".join(zip_lines(iter(()), limit_bytes=UNLIMITED, manifest=manifest))) == (
        [],
        {"next": None, "counts": {}},
    )


@pytest.mark.parametrize("limit_bytes", [1, 10_000, 150_000])
def test_what_is_too_long_goes_on_in_the_next_archive(limit_bytes: int) -> None:
    numbers: list[int] = []
    after = 0
    for _ in range(3000):
        archive = b"".join(zip_lines(lines(2000, after=after), limit_bytes=limit_bytes, manifest=manifest))
        found, told = read(archive)
        numbers += found
        if told["next"] is None:
            break
        assert len(archive) < limit_bytes + 200_000
        after = int(str(told["next"])) + 1
    assert numbers == list(range(2000))


def test_it_begins_before_everything_is_read_and_stays_small_in_memory() -> None:
    taken = 0

    def counted() -> Iterator[Line]:
        nonlocal taken
        for line in lines(60_000):
            taken += 1
            yield line

    archive = zip_lines(counted(), limit_bytes=UNLIMITED, manifest=manifest)
    next(archive)
    assert taken < 5_000
    tracemalloc.start()
    size = sum(map(len, archive))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 10_000_000
    assert peak < 2_000_000
