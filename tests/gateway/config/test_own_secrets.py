"""What the configuration holds that nobody is shown; and what is no secret, though it comes out of the environment."""

import json
from pathlib import Path

from gateway.config import load_config, own_secrets

SERVERS = {
    "notes": {
        "command": "notes",
        "args": ["--key", "ghp_0123456789abcdef"],
        "env": {"NOTES_TOKEN": "${NOTES}", "NOTES_ROOT": "${ROOT_OF_NOTES}", "REGION": "eu-central-1"},
    },
    "web": {
        "url": "https://ann:password-1@example.com/mcp?api_key=query-key-1&lang=en-GB-long",
        "headers": {"Authorization": "Bearer ${WEB}", "X-Plain": "an ordinary value"},
    },
    "desk": {"url": "https://desk.example.com/mcp"},
    "away": {"command": "away", "env": {"AWAY_TOKEN": "${NOT_SET}"}},
}
SETTINGS = """\
[servers.desk]
auth = "client_credentials"
client_id = "toolgate"
issuer = "https://issuer.example"
client_secret = "${WEB_CLIENT}"
[telemetry]
headers = {"x-api-key" = "${COLLECTOR}"}
[models.one]
provider = "compatible"
name = "one"
base_url = "https://models.example/v1"
api_key_env = "ONE_KEY"
headers = {x-token = "${ONE_TOKEN}", x-region = "eu-central-1", x-key = "${NOT_SET}"}
[endpoints.aws]
provider = "anthropic"
host = "bedrock"
options = {aws_region = "eu-west-1", aws_secret_key = "${AWS_SECRET}"}
[approvals.webhook]
url = "https://hook.example"
secret = "${HOOK}"
"""
ENVIRON = {
    "NOTES": "notes-secret",
    "ROOT_OF_NOTES": "/srv/notes/of/ann",
    "WEB": "web-secret",
    "WEB_CLIENT": "client-secret",
    "COLLECTOR": "collector-secret",
    "ONE_KEY": "key-of-one",
    "ONE_TOKEN": "token-of-one",
    "GROQ_API_KEY": "gsk-of-groq",
    "AWS_SECRET": "secret-of-aws",
    "HOOK": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}


def test_every_credential_is_known_and_folders_and_regions_are_none(tmp_path: Path) -> None:
    (tmp_path / ".mcp.json").write_text(json.dumps({"mcpServers": SERVERS}))
    (tmp_path / "toolgate.toml").write_text(SETTINGS)
    environ = {**ENVIRON, "HOME": str(tmp_path)}
    found = own_secrets(load_config(tmp_path, environ), environ)
    assert found == {
        "notes-secret",
        "ghp_0123456789abcdef",
        "password-1",
        "query-key-1",
        "Bearer web-secret",
        "web-secret",
        "client-secret",
        "collector-secret",
        "key-of-one",
        "token-of-one",
        "gsk-of-groq",
        "secret-of-aws",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    }


STORED = (
    "postgresql://ann:of%40the%2Dhost-1@db:5432/toolgate?sslmode=require&password=${IN_QUERY}&sslpassword=of-its-key"
)


def test_the_password_of_the_database_is_one_wherever_its_url_has_it(tmp_path: Path) -> None:
    (tmp_path / "toolgate.toml").write_text(f'store = "{STORED}"\n')
    environ = {"HOME": str(tmp_path), "IN_QUERY": "of+the+query", "PGPASSWORD": "of-libpq-itself"}
    found = own_secrets(load_config(tmp_path, environ), environ)
    assert found == {
        "of%40the%2Dhost-1",
        "of@the-host-1",
        "of+the+query",
        "of-its-key",
        "of-libpq-itself",
    }


def test_a_store_whose_password_is_not_set_has_none_to_keep(tmp_path: Path) -> None:
    (tmp_path / "toolgate.toml").write_text(f'store = "{STORED}"\n')
    environ = {"HOME": str(tmp_path)}
    assert own_secrets(load_config(tmp_path, environ), environ) == frozenset()
