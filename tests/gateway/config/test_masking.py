import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.masking import looks_secret, shown_argument, shown_named, shown_text, shown_url

# Made up, and put together here, so that no scanner takes this file for a leak.
ISSUED = ["sk-" + "ant-abcdefgh12345678", "gh" + "p_abcdefgh12345678", "AKI" + "AABCDEFGH12345678", "xox" + "b-1-2-abc"]


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        ("Authorization", "Bearer ${TOKEN}", "Bearer ${TOKEN}"),
        ("Authorization", "Bearer hunter2", "Bearer ***"),
        ("Authorization", "hunter2", "***"),
        ("X-Api-Key", "hunter2", "***"),
        ("API_KEY", "a${B}c", "***${B}***"),
        ("DB_PASSWORD", "${PW:-hunter2}", "${PW:-***}"),
        ("DB_PASSWORD", "${env:PW:-}", "${env:PW:-}"),
        ("DEBUG", "true", "true"),
        ("KEYBOARD", "us", "us"),
        ("MONKEY", "bananas", "bananas"),
        ("REGION", "${REGION:-eu-west-1}", "${REGION:-eu-west-1}"),
        ("NOTE", "${bad placeholder}", "***"),
    ],
)
def test_a_placeholder_is_shown_and_a_secret_is_not(name: str, text: str, shown: str) -> None:
    assert shown_named(name, text) == shown


@pytest.mark.parametrize("secret", [*ISSUED, "9f86d081884c7d659a2feaa0c55ad015"])
def test_what_looks_like_a_token_is_hidden_whatever_it_is_called(secret: str) -> None:
    assert looks_secret(secret)
    for shown in (
        shown_named("HARMLESS", secret),
        shown_text(f"${{A:-{secret}}}"),
        shown_argument(["run", secret], 1),
        shown_url(f"https://x/{secret}/mcp"),
    ):
        assert secret not in shown


@pytest.mark.parametrize(
    "text", ["./workspace", "servers.workspace", "--root", "a-long-but-quite-ordinary-folder-name"]
)
def test_ordinary_text_is_shown(text: str) -> None:
    assert shown_text(text) == text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ann:hunter2@example.test/mcp", "https://***@example.test/mcp"),
        ("https://${USER_PW}@example.test/mcp", "https://${USER_PW}@example.test/mcp"),
        ("https://example.test/mcp?key=hunter2&a=${B}", "https://example.test/mcp?key=***&a=${B}"),
        ("http://127.0.0.1:8080/mcp", "http://127.0.0.1:8080/mcp"),
        ("${URL}", "${URL}"),
    ],
)
def test_an_address_is_shown_without_its_password_and_query(url: str, shown: str) -> None:
    assert shown_url(url) == shown


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--token", "hunter2"], "***"),
        (["--port", "8080"], "8080"),
        (["--api-key=hunter2"], "--api-key=***"),
        (["--db=./shop.db"], "--db=./shop.db"),
        (["PASSWORD=hunter2"], "PASSWORD=***"),
        (["postgresql://ann:hunter2@db/x"], "postgresql://***@db/x"),
        (["--token", "${TOKEN}"], "${TOKEN}"),
        (["--conn=Server=x;Pwd=hunter2;User=ann"], "--conn=Server=x;Pwd=***;User=ann"),
        (["Server=x; Password = hunter 2"], "Server=x; Password = ***"),
        (["--conn", "AccountName=x;AccountKey=aGk=;"], "AccountName=x;AccountKey=***;"),
        (["Server=x;Pwd=${PW}"], "Server=x;Pwd=${PW}"),
    ],
)
def test_an_argument_is_judged_by_the_flag_that_it_belongs_to(arguments: list[str], shown: str) -> None:
    assert shown_argument(arguments, len(arguments) - 1) == shown


@given(
    st.sampled_from(["Authorization", "X-API-Key", "GITHUB_TOKEN", "client_secret", "Cookie"]),
    st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=4).filter(lambda text: text != "***"),
)
def test_no_literal_under_a_secret_name_is_ever_shown(name: str, secret: str) -> None:
    if "${" not in secret and secret not in ("Bearer *", "***"):
        assert secret not in shown_named(name, secret)
        assert secret not in shown_named(name, f"Bearer {secret}").removeprefix("Bearer ")
