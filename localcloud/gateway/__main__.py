from __future__ import annotations

import argparse
import asyncio
import json
import socket
from pathlib import Path

from localcloud import process
from localcloud.gateway import server
from localcloud.gateway.proxy import Gateway
from localcloud.gateway.routes import RouteTable
from localcloud.identity.mint import TokenMinter


async def main() -> None:
    options = argparse.ArgumentParser(prog="python -m localcloud.gateway", description="API Gateway here.")
    options.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 picks a free one")
    options.add_argument("--document", type=Path, required=True, help="what infra.gateway_document renders")
    options.add_argument("--identity", required=True, help="the identity server's URL")
    options.add_argument("--service-account", required=True, help="the gateway's identity")
    arguments = options.parse_args()
    process.prepare()
    routes = RouteTable(json.loads(arguments.document.read_text()))
    stop = process.stop_event()
    listener = socket.create_server(("127.0.0.1", arguments.port), backlog=1024)
    async with server.backend_session() as session:
        gateway = Gateway(
            routes,
            session=session,
            minter=TokenMinter(session, identity_url=arguments.identity),
            service_account=arguments.service_account,
        )
        runner = await server.start(gateway.handle, listener=listener)
        process.announce(port=listener.getsockname()[1])
        await stop.wait()
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
