"""Whose address a request comes from, when some peers are proxies of ours and anybody may write headers."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

UNKNOWN: Final = "unknown"  # the peer has no address, as behind a socket of Unix: all such share one
MAX_ADDRESS_LENGTH: Final = 64  # characters of an address with brackets, zone and port
ADDRESS_CACHE_SIZE: Final = 4096


class TrustedProxies:
    """The peers whose X-Forwarded-For is believed: those within `networks`, and nobody else."""

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        self.networks = tuple(networks)
        self._look: Callable[[str], tuple[str, bool] | None] = lru_cache(ADDRESS_CACHE_SIZE)(self._look_up)

    @classmethod
    def parse(cls, texts: Sequence[str]) -> "TrustedProxies":
        """Of TRUSTED_PROXIES: addresses or networks. Raises ImproperlyConfigured in one line."""
        return cls([_network(text.strip()) for text in texts if text.strip()])

    def get_client_address(self, meta: Mapping[str, Any]) -> str:
        """The client of a request with these headers: an IPv4 address, or the /64 that an IPv6 address is of.

        It is the peer, unless that is a trusted proxy; then whoever the last proxy in a row of trusted ones saw.
        What stands further left in X-Forwarded-For came from the client, who may write what they like.
        """
        found = self._look(meta.get("REMOTE_ADDR") or "")
        if found is None:
            return UNKNOWN
        label, trusted = found
        rest = meta.get("HTTP_X_FORWARDED_FOR", "") if trusted else ""
        while trusted and rest:
            rest, _, hop = rest.rpartition(",")
            hop = hop.strip()
            found = self._look(hop) if len(hop) <= MAX_ADDRESS_LENGTH else None
            if found is None:
                break
            label, trusted = found
        return label

    def _look_up(self, text: str) -> tuple[str, bool] | None:
        """An address as it is counted, and whether it is a proxy's; None if it is none."""
        address = _parse(text)
        if address is None:
            return None
        trusted = any(address in network for network in self.networks if network.version == address.version)
        return _label(address), trusted


def _parse(text: str) -> Address | None:
    """An address with or without a port, a zone, or IPv6's brackets. One of IPv4 in IPv6's clothes is one of IPv4."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _label(address: Address) -> str:
    """Who has one IPv6 address has the other 2^64 of its network, too."""
    return str(address if isinstance(address, IPv4Address) else IPv6Network((address, 64), strict=False))


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise ImproperlyConfigured(
            f"TRUSTED_PROXIES names {text!r}, which is no address and no network such as 10.0.0.0/8: {error}."
        ) from error
