"""The client's address of a request, behind trusted proxies or without any."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

UNKNOWN: Final = "unknown"  # peers without an address, for example on a Unix socket, share one bucket
MAX_ADDRESS_LENGTH: Final = 64  # characters, with brackets, zone and port
ADDRESS_CACHE_SIZE: Final = 4096


class TrustedProxies:
    """The peers whose X-Forwarded-For header is used: those within `networks`."""

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        self.networks = tuple(networks)
        self._classify: Callable[[str], tuple[str, bool] | None] = lru_cache(ADDRESS_CACHE_SIZE)(
            self._classify_uncached
        )

    @classmethod
    def parse(cls, texts: Sequence[str]) -> "TrustedProxies":
        """Parse TRUSTED_PROXIES: addresses or networks. Raises ImproperlyConfigured."""
        return cls([_parse_network(text.strip()) for text in texts if text.strip()])

    def get_client_address(self, meta: Mapping[str, Any]) -> str:
        """Return the client's IPv4 address or the /64 network of its IPv6 address. `meta` is `request.META`.

        The client is the peer, unless the peer is a trusted proxy. Then it is the address that the last proxy of an
        unbroken row of trusted ones saw. Clients can write anything further left into X-Forwarded-For.
        """
        classified = self._classify(meta.get("REMOTE_ADDR") or "")
        if classified is None:
            return UNKNOWN
        bucket, trusted = classified
        rest = meta.get("HTTP_X_FORWARDED_FOR", "") if trusted else ""
        while trusted and rest:
            rest, _, hop = rest.rpartition(",")
            hop = hop.strip()
            classified = self._classify(hop) if len(hop) <= MAX_ADDRESS_LENGTH else None
            if classified is None:
                break
            bucket, trusted = classified
        return bucket

    def _classify_uncached(self, text: str) -> tuple[str, bool] | None:
        """Return the name of the address's bucket and whether it is a trusted proxy, or None for other text."""
        address = _parse_address(text)
        if address is None:
            return None
        trusted = any(address in network for network in self.networks if network.version == address.version)
        return _bucket_name(address), trusted


def _parse_address(text: str) -> Address | None:
    """Parse an address with or without port, zone and brackets. An IPv4-mapped IPv6 address becomes IPv4."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _bucket_name(address: Address) -> str:
    """Return an IPv4 address or an IPv6 /64 network: who has one address of it usually has all 2^64."""
    return str(address if isinstance(address, IPv4Address) else IPv6Network((address, 64), strict=False))


def _parse_network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise ImproperlyConfigured(
            f"TRUSTED_PROXIES names {text!r}, which is no address and no network such as 10.0.0.0/8: {error}."
        ) from error
