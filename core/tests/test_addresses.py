"""Whose address a request is counted with: what a client may write, and what it may not decide."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from core.throttling.addresses import TrustedProxies

NOBODY = TrustedProxies()
OURS = TrustedProxies.parse(["10.0.0.0/8", "192.0.2.1", "2001:db8:cafe::/48"])


def address(proxies: TrustedProxies, peer: str, forwarded: str | None = None) -> str:
    meta = {"REMOTE_ADDR": peer}
    if forwarded is not None:
        meta["HTTP_X_FORWARDED_FOR"] = forwarded
    return proxies.get_client_address(meta)


@pytest.mark.parametrize("forwarded", [None, "", "198.51.100.1", "10.0.0.1", "nonsense"])
def test_without_trusted_proxies_it_is_the_peer_whatever_the_header_says(forwarded: str | None) -> None:
    assert address(NOBODY, "203.0.113.5", forwarded) == "203.0.113.5"


def test_a_peer_that_is_no_proxy_of_ours_is_not_believed() -> None:
    assert address(OURS, "203.0.113.5", "198.51.100.1") == "203.0.113.5"


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("198.51.100.1", "198.51.100.1"),
        # Each proxy appends whom it saw: the client is the last that no proxy of ours is.
        ("198.51.100.1, 10.0.0.9", "198.51.100.1"),
        ("198.51.100.1, 192.0.2.1, 10.0.0.9", "198.51.100.1"),
        # What the client wrote itself stands to the left of what the proxy saw.
        ("8.8.8.8, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1, 198.51.100.1", "198.51.100.1"),
        ("nonsense, 198.51.100.1", "198.51.100.1"),
        # With ports, as some balancers write it.
        ("198.51.100.1:5312", "198.51.100.1"),
        ("[2001:db8:1:2::3]:443", "2001:db8:1:2::/64"),
        # A client within our own network, and proxies that tell nothing.
        ("10.1.2.3, 10.0.0.9", "10.1.2.3"),
        ("", "10.0.0.2"),
        ("unknown", "10.0.0.2"),
        ("198.51.100.1, _hidden", "10.0.0.2"),
        ("198.51.100.1, ", "10.0.0.2"),
        ("1" * 5000, "10.0.0.2"),
        ("198.51.100.1," * 500 + "198.51.100.2", "198.51.100.2"),
    ],
)
def test_behind_a_trusted_proxy_it_is_whom_the_last_of_them_saw(forwarded: str, client: str) -> None:
    assert address(OURS, "10.0.0.2", forwarded) == client


@pytest.mark.parametrize(
    ("peer", "counted"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:198.51.100.1", "198.51.100.1"),
    ],
)
def test_ipv6_is_counted_by_network(peer: str, counted: str) -> None:
    assert address(NOBODY, peer) == counted


def test_a_proxy_in_ipv6_is_trusted_by_its_own_address() -> None:
    assert address(OURS, "2001:db8:cafe::7", "198.51.100.1") == "198.51.100.1"
    assert address(OURS, "2001:db8:beef::7", "198.51.100.1") == "2001:db8:beef::/64"
    assert address(OURS, "::ffff:10.0.0.2", "198.51.100.1") == "198.51.100.1"


@pytest.mark.parametrize("peer", ["", "unix:", "somewhere"])
def test_peers_without_an_address_share_one(peer: str) -> None:
    assert address(OURS, peer, "198.51.100.1") == "unknown"


@pytest.mark.parametrize("text", ["proxy.example.com", "10.0.0.0/33", "10.0.0.5/8", "*"])
def test_what_is_no_network_is_told_in_one_line_that_names_it(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="TRUSTED_PROXIES names") as refused:
        TrustedProxies.parse(["10.0.0.0/8", text])
    assert repr(text) in str(refused.value)
    assert "\n" not in str(refused.value)
