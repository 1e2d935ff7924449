from __future__ import annotations

import asyncio

from localcloud import process
from localcloud.grpc_server import start_server
from localcloud.http_target import new_session
from localcloud.identity.mint import TokenMinter
from localcloud.scheduler.runner import Runner
from localcloud.scheduler.server import cloud_scheduler_service
from localcloud.scheduler.store import Store


async def main() -> None:
    options = process.parser(program="scheduler", what="Cloud Scheduler on this machine.")
    process.add_clock_option(options)
    process.add_identity_option(options)
    arguments = options.parse_args()
    process.prepare()
    store = Store(arguments.data, clock=process.chosen_clock(arguments))
    stop = process.stop_event()
    async with new_session() as session:
        minter = TokenMinter(session, identity_url=arguments.identity) if arguments.identity else None
        runner = Runner(store, session=session, minter=minter)
        server, port = await start_server(
            [cloud_scheduler_service(store, runner, has_identity=minter is not None)], port=arguments.port
        )
        process.announce(port=port)
        await process.run_until(stop, runner.run())
        await server.stop(grace=0.2)
        await runner.stop()
    store.close()


if __name__ == "__main__":
    asyncio.run(main())
