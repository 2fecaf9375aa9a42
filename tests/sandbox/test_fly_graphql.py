"""The simulated GraphQL as a whole: every field of the schema has a value of its type."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLOutputType,
    build_schema,
    get_named_type,
    is_required_argument,
)

from sandbox.fly.graphql_schema import SCHEMA
from tests.sandbox.fly_client import APP, FIXTURES, IAD, Fly
from tests.sandbox.flyctl_conversation import Conversation

fly_stage, fly = FIXTURES
DATABASE = f"{APP}-production-db"
ARGUMENTS = {
    "app": f'name: "{APP}"',
    "appNameAvailable": 'name: "free"',
    "canPerformBluegreenDeployment": f'name: "{DATABASE}"',
    "image": f'ref: "registry.fly.io/{APP}:sha-dd085a7c339e27b92c8ba7afc115f2f8a21ee5f6"',
    "latestImageDetails": 'image: "flyio/postgres-flex"',
    "latestImageTag": 'repository: "flyio/postgres-flex"',
    "node": 'id: "vol_4ql7m2xkz9prod01"',
    "organization": 'slug: "reify-studio-production"',
    "volume": 'id: "vol_4ql7m2xkz9prod01"',
}
QUERIES = build_schema(SCHEMA).query_type
DEPTH = 4


def selection(kind: GraphQLOutputType, depth: int) -> str | None:
    """All fields of a type, down to a depth; None if only deeper ones are left, empty for a value without fields."""
    named = get_named_type(kind)
    if not isinstance(named, GraphQLObjectType | GraphQLInterfaceType):
        return ""
    if depth == 0:
        return None
    fields = list(asked(named, depth))
    return f"{{ __typename {' '.join(fields)} }}"


def asked(kind: GraphQLObjectType | GraphQLInterfaceType, depth: int) -> Iterator[str]:
    for name, field in kind.fields.items():
        inner = selection(field.type, depth - 1)
        arguments = ARGUMENTS.get(name, f'machineId: "{IAD}"' if kind is QUERIES else f'id: "{IAD}"')
        needs = any(is_required_argument(argument) for argument in field.args.values())
        given = needs or (kind is QUERIES and name in ARGUMENTS)
        if inner is not None:
            yield f"{name}{f'({arguments})' if given else ''} {inner}"


@pytest.mark.parametrize("query", sorted(set(QUERIES.fields if QUERIES else ()) - {"personalOrganization"}))
@pytest.mark.parametrize("app", [APP, DATABASE])
async def test_every_field_has_a_value_of_its_type(fly: Fly, query: str, app: str) -> None:
    """What flyctl may ask for is answered without an error, however much it asks for."""
    assert QUERIES is not None
    (document,) = [text for text in asked(QUERIES, DEPTH) if text.split("(")[0].split()[0] == query]

    document = document.replace(f'name: "{APP}"', f'name: "{app}"')
    data = await Conversation(fly).graphql(f"query {{ {document} }}")

    assert data[query] is not None


async def test_the_personal_organisation_is_another_tokens(fly: Fly) -> None:
    """Only a token of the personal organisation sees it."""
    own = Conversation(fly, "fm2_sandbox_personal")

    refused = await Conversation(fly).graphql_answer("query { personalOrganization { slug } }")
    answered = await own.graphql("query { personalOrganization { slug rawSlug type } }")

    assert refused["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert answered["personalOrganization"] == {"slug": "personal", "rawSlug": "reify-personal", "type": "PERSONAL"}


@pytest.mark.parametrize(
    "mutation",
    [
        'addWireGuardPeer(input: {organizationId: "org7001", name: "x", pubkey: "y"}) { peerip }',
        'createDelegatedWireGuardToken(input: {organizationId: "org7001"}) { token }',
        'issueCertificate(input: {organizationId: "org7001"}) { certificate }',
        "ensureMachineRemoteBuilder(input: {}) { app { name } }",
        "ensureDepotRemoteBuilder(input: {}) { buildId }",
    ],
)
async def test_what_a_sandbox_has_not_it_says(fly: Fly, mutation: str) -> None:
    """WireGuard, SSH and remote builders are refused with a sentence."""
    answer = await Conversation(fly).graphql_answer(f"mutation {{ {mutation} }}")

    (error,) = answer["errors"]
    assert error["message"].startswith("The sandbox does not have ")
    assert error["extensions"]["code"] == "NOT_IMPLEMENTED"


async def test_no_wireguard_peer_is_valid(fly: Fly) -> None:
    """So that flyctl does not use one that it remembers."""
    query = 'mutation { validateWireGuardPeers(input: {peerIps: ["fdaa::1"]}) { invalidPeerIps validPeerIps } }'

    answer = (await Conversation(fly).graphql(query))["validateWireGuardPeers"]

    assert answer == {"invalidPeerIps": ["fdaa::1"], "validPeerIps": []}


@pytest.mark.parametrize(
    "query", ["{ app(name: ", "{ nothing }", "query a { platform { requestRegion } } query b { x }"]
)
async def test_a_wrong_document_is_refused_whole(fly: Fly, query: str) -> None:
    """With the place of the mistake, and without data."""
    answer = await Conversation(fly).graphql_answer(query)

    assert answer.keys() == {"errors"}
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"GRAPHQL_VALIDATION_FAILED"}


async def test_an_operation_is_chosen_by_its_name(fly: Fly) -> None:
    """Of several in a document the named one runs; without a name none does."""
    query = 'query One { platform { requestRegion } } query Two { appNameAvailable(name: "free") }'
    headers = {"Authorization": "FlyV1 fm2_sandbox_production"}

    named = await fly.http.post("/graphql", json={"query": query, "operationName": "Two"}, headers=headers)
    unnamed = await fly.http.post("/graphql", json={"query": query}, headers=headers)

    assert named.json() == {"data": {"appNameAvailable": True}}
    assert "operation name" in unnamed.json()["errors"][0]["message"]
