from __future__ import annotations

import asyncio

from localcloud import process
from localcloud.grpc_server import start_server
from localcloud.http_target import new_session
from localcloud.identity.mint import TokenMinter
from localcloud.tasks.dispatcher import Dispatcher
from localcloud.tasks.server import cloud_tasks_services
from localcloud.tasks.store import Store


async def main() -> None:
    options = process.parser(program="tasks", what="Cloud Tasks on this machine.")
    process.add_clock_option(options)
    process.add_identity_option(options)
    arguments = options.parse_args()
    process.prepare()
    store = Store(arguments.data, clock=process.chosen_clock(arguments))
    stop = process.stop_event()
    async with new_session() as session:
        minter = TokenMinter(session, identity_url=arguments.identity) if arguments.identity else None
        dispatcher = Dispatcher(store, session=session, minter=minter)
        server, port = await start_server(
            cloud_tasks_services(store, dispatcher, has_identity=minter is not None), port=arguments.port
        )
        process.announce(port=port)
        await process.run_until(stop, dispatcher.run())
        await server.stop(grace=0.2)
        await dispatcher.stop()
    store.close()


if __name__ == "__main__":
    asyncio.run(main())
