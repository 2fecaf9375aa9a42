"""GraphQL: queries and mutations, executed against a part of the real schema.

Source: superfly/flyctl, gql/schema.graphql; errors are answered at HTTP 200 with `extensions.code`.
"""

from __future__ import annotations

import functools
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationType,
    build_schema,
    execute_sync,
    get_operation_ast,
    parse,
    validate,
)
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.fly.errors import ApiError, graphql_answer
from sandbox.fly.graphql_mutations import Mutations
from sandbox.fly.graphql_queries import Queries
from sandbox.fly.graphql_schema import SCHEMA
from sandbox.fly.http import Api, Call
from sandbox.fly.lifecycle import Lifecycle
from sandbox.fly.world import World
from sandbox.kit import Json

CODES = {400: "BAD_REQUEST", 401: "UNAUTHORIZED", 403: "UNAUTHORIZED", 404: "NOT_FOUND", 422: "UNPROCESSABLE"}


class GraphqlApi(Api):
    prefix = "/graphql"

    def __init__(self, world: World, lifecycle: Lifecycle) -> None:
        super().__init__(world, on_error=graphql_answer)
        self._lifecycle = lifecycle

    def routes(self) -> list[Route]:
        return [self.route("POST", "", self.execute)]

    async def execute(self, call: Call) -> Response:
        body = call.json({"query": str, "variables": {}, "operationName": str})
        variables = body.get("variables") or {}
        if not isinstance(body.get("query"), str):
            raise ApiError(400, "query is required")
        try:
            document = _parsed(body["query"])
            errors = validate(_schema(), document)
        except GraphQLError as error:
            return JSONResponse({"errors": [_error_json(error)]})
        except RecursionError:
            raise ApiError(400, "query is nested too deeply") from None
        if errors:
            return JSONResponse({"errors": [_error_json(error) for error in errors]})
        return JSONResponse(self._executed(call, document, variables, body.get("operationName") or None))

    def _executed(self, call: Call, document: DocumentNode, variables: Json, name: str | None) -> Json:
        operation = get_operation_ast(document, name)
        changes = operation is not None and operation.operation == OperationType.MUTATION
        if changes and not call.access.may_write:
            return {"errors": [{"message": "unauthorized", "extensions": {"code": CODES[403]}}]}
        root = Mutations(call.access, self._lifecycle) if changes else Queries(call.access)
        result = execute_sync(_schema(), document, root, variable_values=variables, operation_name=name)
        answer: Json = {}
        if result.data is not None or not result.errors:
            answer["data"] = result.data
        if result.errors:
            answer["errors"] = [_error_json(error) for error in result.errors]
        return answer

    def _check_write(self, call: Call) -> None:
        """Every query is a POST; who may write is asked once it is clear whether it is a mutation."""


@functools.cache
def _schema() -> GraphQLSchema:
    return build_schema(SCHEMA)


@functools.lru_cache(maxsize=200)
def _parsed(query: str) -> DocumentNode:
    return parse(query)


def _error_json(error: GraphQLError) -> Json:
    """An error; a refusal by the rules that all APIs share keeps its text."""
    formatted: dict[str, Any] = dict(error.formatted)
    default = "GRAPHQL_VALIDATION_FAILED" if error.path is None else "SERVER_ERROR"
    if isinstance(error.original_error, ApiError):
        default = CODES.get(error.original_error.http_status, "SERVER_ERROR")
        formatted["message"] = error.original_error.text
    formatted.setdefault("extensions", {"code": default})
    return formatted
