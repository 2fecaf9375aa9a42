"""Who may talk to the page's server: the page itself. Everything else on this machine is turned away.

Loopback alone protects from nobody: any site in the person's browser can send requests to it, and a name that
resolves to 127.0.0.1 makes such a site look like the page (DNS rebinding).
Source: https://owasp.org/www-community/attacks/csrf, https://www.w3.org/TR/trusted-types/
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


def _import_map_hash() -> str:
    """The page's import map is the one script that has to stand in the page itself."""
    page = (Path(__file__).parent / "static" / "index.html").read_text()
    text = page.partition('<script type="importmap">')[2].partition("</script>")[0]
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


# The browser itself then refuses markup made from text, whatever the page's code does.
POLICY = (
    f"default-src 'self'; script-src 'self' 'sha256-{_import_map_hash()}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
READING = frozenset({"GET", "HEAD"})
FROM_HERE = frozenset({"same-origin", "none"})


class SameOriginOnly:
    """ASGI middleware: 403 with a sentence for a foreign `Host`, or a foreign `Origin` where something is changed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                # A file would otherwise be taken from the browser's memory after an update.
                headers.setdefault("cache-control", "no-cache")
            await send(message)

        objection = refusal(scope["method"], Headers(scope=scope), port=scope["server"][1])
        answer = self._app if objection is None else JSONResponse({"error": objection}, status_code=403)
        await answer(scope, receive, guarded)


def refusal(method: str, headers: Headers, *, port: int) -> str | None:
    """Why a request to the server at this port is refused; None where it may pass.

    A program without an `Origin`, such as curl, may pass: browsers send one with every request that changes
    something, and a form of another site cannot send JSON.
    """
    hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
    host = headers.getlist("host")
    if len(host) != 1 or host[0].lower() not in hosts:
        return f"This server answers only as 127.0.0.1:{port} or localhost:{port}."
    if method in READING:
        return None
    if any(origin != f"http://{host[0].lower()}" for origin in headers.getlist("origin")):
        return "Only the page itself may change something here: the request comes from another origin."
    if headers.get("sec-fetch-site", "none") not in FROM_HERE:
        return "Only the page itself may change something here: the request comes from another site."
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return "Send JSON with the content type application/json."
    return None
