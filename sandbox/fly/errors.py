"""How the simulated Fly says no: one exception, and a shape of answer for each of its APIs."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response


class ApiError(Exception):
    """A request that is refused; `code` is the machine-readable `status` that few answers carry."""

    def __init__(self, http_status: int, text: str, *, code: str | None = None) -> None:
        super().__init__(text)
        self.http_status = http_status
        self.text = text
        self.code = code


def unauthenticated() -> ApiError:
    return ApiError(401, "Authenticate: token validation error")


def unauthorized() -> ApiError:
    return ApiError(403, "unauthorized")


def precondition(text: str) -> ApiError:
    return ApiError(412, f"failed_precondition: {text}")


def machines_answer(error: ApiError) -> Response:
    """Shape of the Machines API. Source: Fly Machines API, ErrorResponse."""
    body = {"error": error.text}
    if error.code:
        body["status"] = error.code
    return JSONResponse(body, status_code=error.http_status)


def uiex_answer(error: ApiError) -> Response:
    """Shape of `api/v1`, as flyctl reads it (superfly/flyctl, internal/uiex)."""
    return JSONResponse({"errors": {"detail": error.text}}, status_code=error.http_status)


def graphql_answer(error: ApiError) -> Response:
    """Shape of a GraphQL request that was refused before it was executed."""
    code = {401: "UNAUTHORIZED", 400: "BAD_REQUEST"}.get(error.http_status, "SERVER_ERROR")
    body = {"errors": [{"message": error.text, "extensions": {"code": code}}]}
    return JSONResponse(body, status_code=error.http_status)


def registry_answer(error: ApiError) -> Response:
    """Shape of a registry's refusal. Source: OCI distribution specification, "Error codes"."""
    body = {"errors": [{"code": error.code or "UNKNOWN", "message": error.text, "detail": None}]}
    headers = {"WWW-Authenticate": 'Basic realm="registry.fly.io"'} if error.http_status == 401 else {}
    return JSONResponse(body, status_code=error.http_status, headers=headers)
