"""One token for another at an authorization server (RFC 8693), which the MCP SDK leaves to its users."""

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx2
from mcp.client.auth.exceptions import OAuthFlowError
from mcp.client.auth.utils import (
    build_oauth_authorization_server_metadata_discovery_urls,
    create_oauth_metadata_request,
    handle_auth_metadata_response,
    validate_metadata_issuer,
)
from mcp.shared.auth import OAuthMetadata

from gateway.upstream.auth.authority import ClientKeys
from gateway.upstream.auth.flow import Answer, AuthFailed, error_code

__all__ = ["ACCESS_TOKEN", "GRANT_TYPE", "ID_JAG", "exchange"]

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name
ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"


async def exchange(
    client: httpx2.AsyncClient, issuer: str, keys: ClientKeys, form: Mapping[str, str]
) -> Mapping[str, Any]:
    """The token response. `form` holds the parameters but for the client's own. Raises AuthFailed."""
    try:
        metadata = await _metadata(client, issuer)
        data, headers = _authenticated(keys, {"grant_type": GRANT_TYPE, **form})
        response = await client.post(str(metadata.token_endpoint), data=data, headers=headers)
    except OAuthFlowError as error:
        raise AuthFailed(str(error)[:300]) from None
    except httpx2.HTTPError as error:
        raise AuthFailed(str(error) or type(error).__name__) from None
    answer = Answer(response.request.url.host, response.status_code, error_code(response))
    if response.status_code != 200:
        raise AuthFailed(str(answer), answer.code)
    return _token(response, form["requested_token_type"])


async def _metadata(client: httpx2.AsyncClient, issuer: str) -> OAuthMetadata:
    """What the issuer says about itself (RFC 8414); it must name itself."""
    for url in build_oauth_authorization_server_metadata_discovery_urls(issuer, issuer):
        go_on, metadata = await handle_auth_metadata_response(await client.send(create_oauth_metadata_request(url)))
        if metadata is not None:
            validate_metadata_issuer(metadata, issuer)
            return metadata
        if not go_on:
            break
    raise AuthFailed(f"there is no authorization server metadata at `{issuer}`")


def _authenticated(keys: ClientKeys, data: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """RFC 6749 section 2.3.1."""
    if keys.secret is None:
        return {**data, "client_id": keys.id}, {}
    if keys.method == "client_secret_post":
        return {**data, "client_id": keys.id, "client_secret": keys.secret}, {}
    pair = f"{quote(keys.id, safe='')}:{quote(keys.secret, safe='')}".encode()
    return data, {"authorization": f"Basic {base64.b64encode(pair).decode()}"}


def _token(response: httpx2.Response, wanted: str) -> Mapping[str, Any]:
    """RFC 8693 section 2.2.1; a token of another type than was asked for is none."""
    host = response.request.url.host
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        raise AuthFailed(f"{host} sent what can't be read") from None
    token = body.get("access_token") if isinstance(body, dict) else None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise AuthFailed(f"{host} sent no token")
    if body.get("issued_token_type", wanted) != wanted:
        raise AuthFailed(f"{host} sent a token of another type than was asked for")
    if wanted == ACCESS_TOKEN and str(body.get("token_type", "")).lower() != "bearer":
        raise AuthFailed(f"{host} sent a token that is no bearer token")
    return body  # type: ignore[no-any-return] # a JSON object
