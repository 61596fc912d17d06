"""The client's address of a request, with forged and with trusted X-Forwarded-For headers."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from core.throttling.addresses import TrustedProxies

NO_PROXIES = TrustedProxies()
PROXIES = TrustedProxies.parse(["10.0.0.0/8", "192.0.2.1", "2001:db8:cafe::/48"])


def get_address(proxies: TrustedProxies, peer: str, forwarded: str | None = None) -> str:
    meta = {"REMOTE_ADDR": peer}
    if forwarded is not None:
        meta["HTTP_X_FORWARDED_FOR"] = forwarded
    return proxies.get_client_address(meta)


@pytest.mark.parametrize("forwarded", [None, "", "198.51.100.1", "10.0.0.1", "nonsense"])
def test_without_trusted_proxies_the_peer_is_the_client(forwarded: str | None) -> None:
    assert get_address(NO_PROXIES, "203.0.113.5", forwarded) == "203.0.113.5"


def test_the_header_of_an_untrusted_peer_is_ignored() -> None:
    assert get_address(PROXIES, "203.0.113.5", "198.51.100.1") == "203.0.113.5"


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("198.51.100.1", "198.51.100.1"),
        # Each proxy appends the address that it saw. The client is the last that is not a trusted proxy.
        ("198.51.100.1, 10.0.0.9", "198.51.100.1"),
        ("198.51.100.1, 192.0.2.1, 10.0.0.9", "198.51.100.1"),
        # Text that the client wrote is to the left of what the proxy saw.
        ("8.8.8.8, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1, 198.51.100.1", "198.51.100.1"),
        ("nonsense, 198.51.100.1", "198.51.100.1"),
        # Some load balancers add ports.
        ("198.51.100.1:5312", "198.51.100.1"),
        ("[2001:db8:1:2::3]:443", "2001:db8:1:2::/64"),
        # A client within the trusted network, and proxies that send no address.
        ("10.1.2.3, 10.0.0.9", "10.1.2.3"),
        ("", "10.0.0.2"),
        ("unknown", "10.0.0.2"),
        ("198.51.100.1, _hidden", "10.0.0.2"),
        ("198.51.100.1, ", "10.0.0.2"),
        ("1" * 5000, "10.0.0.2"),
        ("198.51.100.1," * 500 + "198.51.100.2", "198.51.100.2"),
    ],
)
def test_behind_trusted_proxies_the_client_is_the_last_untrusted_address(forwarded: str, client: str) -> None:
    assert get_address(PROXIES, "10.0.0.2", forwarded) == client


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
def test_an_ipv6_address_is_counted_by_network(peer: str, counted: str) -> None:
    assert get_address(NO_PROXIES, peer) == counted


def test_an_ipv6_proxy_is_trusted_by_its_full_address() -> None:
    assert get_address(PROXIES, "2001:db8:cafe::7", "198.51.100.1") == "198.51.100.1"
    assert get_address(PROXIES, "2001:db8:beef::7", "198.51.100.1") == "2001:db8:beef::/64"
    assert get_address(PROXIES, "::ffff:10.0.0.2", "198.51.100.1") == "198.51.100.1"


@pytest.mark.parametrize("peer", ["", "unix:", "somewhere"])
def test_peers_without_an_address_share_a_bucket(peer: str) -> None:
    assert get_address(PROXIES, peer, "198.51.100.1") == "unknown"


@pytest.mark.parametrize("text", ["proxy.example.com", "10.0.0.0/33", "10.0.0.5/8", "*"])
def test_an_invalid_network_is_reported_in_one_line(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="TRUSTED_PROXIES names") as refused:
        TrustedProxies.parse(["10.0.0.0/8", text])
    assert repr(text) in str(refused.value)
    assert "\n" not in str(refused.value)
