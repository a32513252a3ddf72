"""Restriction of requests to this machine, under its own names, and never inside another page's frame."""

from ipaddress import ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import config

from slm.errors import BadInput

LOOPBACK = {"127.0.0.1", "localhost"}
HEADERS = {
    # nothing is loaded from anywhere else, whatever a text on a page asks for
    "Content-Security-Policy": (
        "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; "
        "frame-ancestors 'none'; form-action 'none'; base-uri 'self'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def allowed_hosts() -> set[str]:
    """Return the names under which the app may be requested: Streamlit's `server.allowedHosts`."""
    return {host.strip().lower() for host in config.get_option("server.allowedHosts")}


def beyond_this_machine() -> bool:
    """Return whether other machines may ask: a name other than this machine's is allowed."""
    return bool(allowed_hosts() - LOOPBACK)


def check_address() -> None:
    """Raise `BadInput` where Streamlit was told to listen to other machines, and not under which name.

    There is no login, and the pages read files of this machine.
    """
    address = config.get_option("server.address")
    if not (is_loopback(address) or beyond_this_machine()):
        raise BadInput(
            f"server.address is {address or 'every interface'}, and there is no login: to let other "
            "machines in, name the host they ask for in server.allowedHosts as well"
        )


def is_loopback(address: str | None) -> bool:
    """Return whether an address is reached from this machine alone."""
    try:
        return address == "localhost" or ip_address(address or "").is_loopback
    except ValueError:
        return False


class ThisMachineOnly:
    """Refuse requests for a host that is not allowed (DNS rebinding) or that came in from outside.

    Both HTTP and websockets; every answer carries `HEADERS`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif refused := why_refused(scope):
            await PlainTextResponse(refused + "\n", 403)(scope, receive, dressed)
        else:
            await self._app(scope, receive, dressed)


def why_refused(scope: Scope) -> str:
    """Say in one line why a request is refused; empty where it is not."""
    hosts = allowed_hosts()
    host = Headers(scope=scope).get("host", "").lower()
    if host.rpartition(":")[0] not in hosts and host not in hosts:
        return f"This app is not served under that name, but as {', '.join(sorted(hosts))}."
    reached = (scope.get("server") or ("", None))[0]
    if not (is_loopback(reached) or beyond_this_machine()):
        return "This app answers only the machine it runs on."
    return ""
