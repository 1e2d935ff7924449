from __future__ import annotations

import asyncio
import socket

from aiohttp import web

from localcloud import process
from localcloud.clock import SystemClock
from localcloud.identity.keys import SigningKeys
from localcloud.identity.server import TOKEN_LIFE_SECONDS, IdentityServer
from localcloud.identity.users import UserSignIn

_WEEK_SECONDS = 7 * 24 * 3600


async def main() -> None:
    options = process.parser(program="identity", what="Google's identity tokens on this machine.")
    options.add_argument("--issuer", help="the tokens' iss (default: http://127.0.0.1:PORT)")
    options.add_argument("--default-email", default="default@localcloud.iam.gserviceaccount.com")
    options.add_argument(
        "--user-audience", default="tok-local", help="the aud of the tokens of signed-in users"
    )
    options.add_argument("--rotate-after-seconds", type=int, default=_WEEK_SECONDS)
    arguments = options.parse_args()
    if arguments.rotate_after_seconds < TOKEN_LIFE_SECONDS:
        options.error(f"--rotate-after-seconds must be at least {TOKEN_LIFE_SECONDS}, a token's life")
    process.prepare()
    clock, rotate_after_seconds = SystemClock(), arguments.rotate_after_seconds
    keys = SigningKeys(arguments.data, clock=clock, rotate_after_seconds=rotate_after_seconds)
    user_keys = SigningKeys(
        arguments.data, clock=clock, rotate_after_seconds=rotate_after_seconds, name="user"
    )
    stop = process.stop_event()
    listener = socket.create_server(("127.0.0.1", arguments.port))
    port = listener.getsockname()[1]
    base_url = f"http://127.0.0.1:{port}"
    server = IdentityServer(
        keys,
        issuer=arguments.issuer or base_url,
        base_url=base_url,
        default_email=arguments.default_email,
    )
    application = server.application()
    UserSignIn(user_keys, base_url=base_url, audience=arguments.user_audience).add_routes(application)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    process.announce(port=port)
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
