"""python -m localcloud.firestore --port N --data DIR [--indexes firestore.indexes.json]"""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import sqlite3
import sys
from pathlib import Path

from localcloud.firestore.engine import Engine
from localcloud.firestore.indexes import DeclaredIndexes
from localcloud.firestore.server import HOST, serve_until
from localcloud.firestore.storage import Storage


def _announce(port: int) -> None:
    print(f"listening on {HOST}:{port}", flush=True)


async def _serve(engine: Engine, *, port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve_until(stop, engine, port=port, ready=_announce)


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m localcloud.firestore", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 is any free port")
    parser.add_argument("--data", type=Path, required=True, help="folder of the database's file")
    parser.add_argument("--indexes", type=Path, help="refuse queries that these indexes do not serve")
    options = parser.parse_args()
    try:
        storage = Storage(options.data)
    except sqlite3.DatabaseError as error:
        sys.exit(f"cannot open the data in {options.data} (is another server using it?): {error}")
    try:
        indexes = None if options.indexes is None else DeclaredIndexes.load(options.indexes)
        engine = Engine(sink=storage.save, indexes=indexes)
        engine.load(storage.load())
        # What was loaded lives as long as the process: the collector need not walk it again and again.
        gc.freeze()
        asyncio.run(_serve(engine, port=options.port))
    finally:
        storage.close()


if __name__ == "__main__":
    main()
