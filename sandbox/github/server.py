"""The way of every request: headers, credential, limits, repository, permission, endpoint, ETag."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.github import access
from sandbox.github.http import Answer, Call, Caller, Endpoint, GitHubError
from sandbox.github.limits import Limits
from sandbox.github.model import Repository, World
from sandbox.kit import Json

VERSIONS = ("2022-11-28", "2026-03-10")
MEDIA_TYPES = re.compile(r"\*/\*|application/(\*|json|vnd\.github\.[\w.+-]+|vnd\.github\+json)|text/\*")
NO_USER_AGENT = (
    "Request forbidden by administrative rules. Please make sure your request has a User-Agent header "
    "(https://docs.github.com/rest/using-the-rest-api/getting-started-with-the-rest-api#user-agent).\n"
)
REPO = "/repos/{owner}/{repo}"
EVERY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]


class Moved(Exception):
    """The repository of the request has a new name."""

    def __init__(self, repo: Repository) -> None:
        super().__init__(repo.full_name)
        self.repo = repo


class InFlight:
    """Outermost ASGI layer: tells each request how many of the same credential are under way, itself included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._under_way: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        credential = Headers(scope=scope).get("authorization", "")
        self._under_way[credential] += 1
        try:
            await self._app({**scope, "in_flight": self._under_way[credential]}, receive, send)
        finally:
            self._under_way[credential] -= 1


@dataclass
class Server:
    """Turns endpoints into routes over the world that `world()` gives at the time of the request."""

    world: Callable[[], World]
    limits: Callable[[], Limits]

    def __post_init__(self) -> None:
        self._request_ids = itertools.count(1)

    def routes(self, endpoints: list[Endpoint]) -> list[Route]:
        """Each endpoint, those of repositories also by the repository's id, and 404 for everything else."""
        found = [Route(path, self._serve(e), methods=[e.method]) for e in endpoints for path in _paths(e)]
        nowhere = [Endpoint(method, "/{path:path}", _nowhere) for method in EVERY_METHOD]
        return found + [Route(e.path, self._serve(e), methods=[e.method]) for e in nowhere]

    def _serve(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            if not request.headers.get("user-agent"):
                return Response(NO_USER_AGENT, 403, media_type="text/html")
            response = await self._respond(endpoint, request)
            response.headers["x-github-request-id"] = f"{next(self._request_ids):04X}:SANDBOX"
            response.headers["x-github-media-type"] = "github.v3; format=json"
            return response

        return handle

    async def _respond(self, endpoint: Endpoint, request: Request) -> Response:
        client = request.client.host if request.client else "unknown"
        caller = Caller("anonymous", f"address:{client}")
        try:
            version = _version(request)
            _check_accept(request)
            caller = access.identify(self.world(), request.headers.get("authorization"), client)
            response = await self._admitted(endpoint, request, caller, version)
        except GitHubError as error:
            response = _json(error.body, error.status, error.headers)
        return self._with_limits(response, caller)

    def _with_limits(self, response: Response, caller: Caller) -> Response:
        response.headers.update(self.limits().headers(caller))
        return response

    async def _admitted(self, endpoint: Endpoint, request: Request, caller: Caller, version: str) -> Response:
        limits = self.limits()
        limits.admit(caller, endpoint, request.scope.get("in_flight", 1))
        response = await self._work(endpoint, request, caller, version)
        # A conditional request that changed nothing is free: "Best practices for using the REST API".
        if not endpoint.free and response.status_code != 304:
            limits.charge(caller)
        response.headers["x-github-api-version-selected"] = version
        return response

    async def _work(self, endpoint: Endpoint, request: Request, caller: Caller, version: str) -> Response:
        try:
            call = await self._call(endpoint, request, caller, version)
            answer = endpoint.handler(call)
        except Moved as moved:
            return self._redirect(request, moved.repo)
        except GitHubError as error:
            return _json(error.body, error.status, error.headers)
        return _conditional(request, caller, answer)

    async def _call(self, endpoint: Endpoint, request: Request, caller: Caller, version: str) -> Call:
        access.check_kind(caller, endpoint)
        repo = self._repository(request, caller) if endpoint.path.startswith(REPO) and endpoint.who != "app" else None
        access.check_permission(caller, endpoint)
        return Call(
            world=self.world(),
            caller=caller,
            path=request.url.path,
            params=request.path_params,
            query=dict(request.query_params),
            accept=request.headers.get("accept", "*/*"),
            version=version,
            body=_body(await request.body()),
            repository=repo,
        )

    def _repository(self, request: Request, caller: Caller) -> Repository:
        world, params = self.world(), request.path_params
        if "repository_id" in params:
            return access.check_repository(caller, world.repositories.get(params["repository_id"]))
        name = f"{params['owner']}/{params['repo']}"
        repo = world.repository(name)
        if repo is None and name.lower() in world.renamed:
            moved = world.repositories[world.renamed[name.lower()]]
            raise Moved(access.check_repository(caller, moved))
        return access.check_repository(caller, repo)

    def _redirect(self, request: Request, repo: Repository) -> Response:
        """To the repository's id; a write keeps its method only with 307."""
        rest = "/".join(["", *request.url.path.split("/", 4)[4:]])
        query = f"?{request.url.query}" if request.url.query else ""
        location = f"{self.world().url}/repositories/{repo.id}{rest}{query}"
        status, message = (
            (301, "Moved Permanently") if request.method in {"GET", "HEAD"} else (307, "Temporary Redirect")
        )
        body = {"message": message, "url": location, "documentation_url": "https://docs.github.com/rest"}
        return _json(body, status, {"location": location})


def _nowhere(_: Call) -> Answer:
    raise GitHubError(404, "Not Found")


def _paths(endpoint: Endpoint) -> list[str]:
    if not endpoint.path.startswith(REPO) or endpoint.who == "app":
        return [endpoint.path]
    return [endpoint.path, endpoint.path.replace(REPO, "/repositories/{repository_id:int}", 1)]


def _version(request: Request) -> str:
    version = request.headers.get("x-github-api-version", VERSIONS[0])
    if version not in VERSIONS:
        known = ", ".join(f'"{each}"' for each in VERSIONS)
        raise GitHubError(
            400, f'"{version}" is not a supported version. The following versions are supported: {known}.'
        )
    return version


def _check_accept(request: Request) -> None:
    accept = request.headers.get("accept", "*/*")
    if not any(MEDIA_TYPES.fullmatch(part.partition(";")[0].strip()) for part in accept.split(",")):
        raise GitHubError(415, f"Unsupported 'Accept' header: '{accept}'. Must accept 'application/json'.")


def _body(raw: bytes) -> Json:
    if not raw:
        return {}
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise GitHubError(400, "Problems parsing JSON") from error
    if not isinstance(body, dict):
        raise GitHubError(400, "Body should be a JSON object")
    return body


def _conditional(request: Request, caller: Caller, answer: Answer) -> Response:
    """200 with an ETag, or 304 where the caller's own copy is still good."""
    if answer.text is not None:
        response = Response(answer.text, answer.status, answer.headers, media_type="text/plain")
    else:
        response = _json(answer.body, answer.status, answer.headers)
    if request.method not in {"GET", "HEAD"}:
        return response
    # Tied to the credential: a new installation token gets 200 for an old ETag.
    etag = f'W/"{hashlib.sha256(caller.credential.encode() + bytes(response.body)).hexdigest()}"'
    response.headers["etag"] = etag
    response.headers["cache-control"] = "private, max-age=60, s-maxage=60"
    if etag in (tag.strip() for tag in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers={"etag": etag})
    return response


def _json(body: object, status: int, headers: Mapping[str, str]) -> Response:
    if status == 204:
        return Response(status_code=204, headers=dict(headers))
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return Response(text, status, dict(headers), media_type="application/json; charset=utf-8")
