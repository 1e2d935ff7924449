"""A zip archive written while it is read: what is in memory is one line and what the compressor holds."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator

from shared.use_cases.export_organisation import Line

_CHUNK_BYTES = 64 * 1024


class _Pipe(io.RawIOBase):
    """Takes what zipfile writes, and gives it away. Cannot seek, so sizes follow the data (APPNOTE 4.4.4, bit 3)."""

    def __init__(self) -> None:
        self._written = bytearray()
        self.total_bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        taken = bytes(memoryview(data))  # type: ignore[arg-type]
        self._written += taken
        self.total_bytes += len(taken)
        return len(taken)

    def take(self, *, at_least: int = 1) -> bytes:
        if len(self._written) < at_least:
            return b""
        taken = bytes(self._written)
        self._written.clear()
        return taken


def zip_lines(
    lines: Iterator[Line],
    *,
    limit_bytes: int,
    manifest: Callable[[str | None, dict[str, int]], bytes],
) -> Iterator[bytes]:
    """The archive's bytes: one file for each `Line.file`, in their order, and `manifest.json` at the end.

    Once `limit_bytes` are written, no further line is taken. The manifest is made from the position to go on from, None
    when everything is in, and from the number of lines in each file.
    """
    pipe = _Pipe()
    counts: dict[str, int] = {}
    position: str | None = None
    file, entry = "", None
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for line in lines:
            if entry is None or line.file != file:
                if entry is not None:
                    entry.close()
                file, entry = line.file, archive.open(line.file, "w", force_zip64=True)
            entry.write(line.json + b"\n")
            counts[line.file] = counts.get(line.file, 0) + line.json.count(b"\n") + 1
            if chunk := pipe.take(at_least=_CHUNK_BYTES):
                yield chunk
            if pipe.total_bytes >= limit_bytes:
                position = line.position
                break
        if entry is not None:
            entry.close()
        archive.writestr("manifest.json", manifest(position, counts))
    if chunk := pipe.take():
        yield chunk
