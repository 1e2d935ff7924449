from __future__ import annotations

import asyncio

from localcloud import process
from localcloud.grpc_server import start_server
from localcloud.kms.server import key_management_service
from localcloud.kms.store import Store


async def main() -> None:
    options = process.parser(program="kms", what="Cloud KMS on this machine.")
    process.add_clock_option(options)
    arguments = options.parse_args()
    process.prepare()
    store = Store(arguments.data, clock=process.chosen_clock(arguments))
    stop = process.stop_event()
    server, port = await start_server([key_management_service(store)], port=arguments.port)
    process.announce(port=port)
    await stop.wait()
    await server.stop(grace=0.2)
    store.close()


if __name__ == "__main__":
    asyncio.run(main())
