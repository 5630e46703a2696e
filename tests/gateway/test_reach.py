import ipaddress

import pytest

from gateway.reach import Reach, origin

NOWHERE = Reach()


def flaw(address: str, url: str = "https://idp.example/token", reach: Reach = NOWHERE) -> str:
    return reach.flaw(url, ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "2002:808:808::1"]
)
def test_public_addresses_are_reached(address: str) -> None:
    assert flaw(address) == ""


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.255.254", "0.0.0.0", "::1", "::",  # this machine # noqa: S104 - no binding
        "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd00::1", "fec0::1",  # private
        "169.254.0.1", "fe80::1",  # link-local
        "169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192",  # metadata of clouds
        "100.64.0.1", "100.127.255.255",  # carriers
        "224.0.0.1", "239.255.255.250", "ff02::1", "255.255.255.255", "240.0.0.1",  # to many, or to nobody
        "192.0.2.1", "198.18.0.1", "192.88.99.1", "2001:db8::1", "3fff::1", "100::1", "5f00::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1",  # IPv4 in IPv6's clothes
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::1", "2002:a00:1::1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",  # Teredo for 127.0.0.1
    ],
)  # fmt: skip
def test_private_addresses_are_not(address: str) -> None:
    assert flaw(address) == "it is a private address"


def test_only_https_is_spoken_but_on_this_machine() -> None:
    assert flaw("93.184.215.14", "http://idp.example/") == "it is not https"
    assert flaw("127.0.0.1", "http://idp.example/", Reach.of(["127.0.0.1"])) == ""
    assert flaw("10.0.0.1", "http://idp.example/", Reach.of(["10.0.0.0/8"])) == "it is not https"
    assert flaw("93.184.215.14", "ftp://idp.example/") == "it is no http or https address"


def test_the_admin_lists_networks_addresses_and_hosts() -> None:
    reach = Reach.of(["10.0.0.0/8", "fd00::7", "IdP.internal"])
    assert flaw("10.1.2.3", reach=reach) == ""
    assert flaw("::ffff:10.1.2.3", reach=reach) == ""
    assert flaw("11.0.0.1", reach=reach) == ""  # public
    assert flaw("fd00::7", reach=reach) == ""
    assert flaw("fd00::8", reach=reach) != ""
    assert flaw("192.168.0.1", "https://idp.internal/x", reach) == ""
    assert flaw("192.168.0.1", "https://idp.internal./x", reach) == ""
    assert flaw("192.168.0.1", "https://x.idp.internal/x", reach) != ""


def test_an_address_that_the_admin_has_configured_is_allowed_whole_and_its_neighbours_are_not() -> None:
    reach = Reach.of([], ["http://127.0.0.1:8000/mcp", "https://idp.internal/realm"])
    assert flaw("127.0.0.1", "http://127.0.0.1:8000/.well-known/x", reach) == ""
    assert flaw("127.0.0.1", "http://127.0.0.1:8001/x", reach) != ""
    assert flaw("127.0.0.1", "https://127.0.0.1:8000/x", reach) != ""
    assert flaw("10.0.0.9", "https://idp.internal/other", reach) == ""


@pytest.mark.parametrize("url", ["", "x", "https://", "https://[::1", "https://h:70000/", "file:///etc/passwd"])
def test_what_is_no_web_address_has_no_origin(url: str) -> None:
    assert origin(url) is None


def test_an_origin_is_scheme_host_and_port() -> None:
    assert origin("https://User@IdP.example./x?y#z") == ("https", "idp.example", 443)
    assert origin("http://[::1]:80/") == ("http", "::1", 80)
