import pytest
from pydantic import ValidationError

from gateway.config.network import NetworkConfig


@pytest.mark.parametrize(
    "place", ["10.0.0.0/8", "127.0.0.1", "fd00::/8", "::1", "idp.internal", "localhost", "my_host", "idp.internal."]
)
def test_networks_addresses_and_host_names_can_be_listed(place: str) -> None:
    assert NetworkConfig.model_validate({"allow": [place]}).allow == (place,)


@pytest.mark.parametrize(
    "place",
    [
        "",
        "*",
        "*.internal",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "10.0.0",
        "300.1.1.1",
        "https://idp",
        "a b",
        "x:80",
        "fe80::1%eth0/64",
    ],
)
def test_anything_else_is_refused_by_name(place: str) -> None:
    with pytest.raises(ValidationError, match="is no network, address or host name"):
        NetworkConfig.model_validate({"allow": [place]})
