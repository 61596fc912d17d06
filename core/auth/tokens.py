"""The rules of a Firebase ID token, without I/O: the keys and the time are arguments."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

ALGORITHM = "RS256"
ISSUER = "https://securetoken.google.com/"
LEEWAY = 30.0  # seconds by which two clocks may differ
MAX_TOKEN = 8192  # characters; Firebase limits custom claims to 1,000 bytes
MAX_KID = 128
MAX_UID = 128
MAX_NAME = 200
# Unicode Standard Annex 9, section 2: marks, embeddings, overrides and isolates.
_BIDIRECTIONAL_CONTROLS = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
MAX_PICTURE = 2048
MAX_TIME = 1e11  # epoch seconds; beyond any real date, and exact as a float

KeyFinder = Callable[[str], RSAPublicKey | None]

# PyJWT's own checks use the system clock, so it verifies only the signature. The claims are checked below.
_SIGNATURE_ONLY: Any = {
    f"verify_{claim}": False for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")
}


class InvalidToken(Exception):
    """The token is not valid. `code` is `token_expired` for an otherwise valid token, else `token_invalid`."""

    def __init__(self, reason: str, *, code: str = "token_invalid") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


@dataclass(frozen=True, slots=True)
class Viewer:
    """The user that a valid token identifies.

    `name` (at most 200 characters) and `picture` (a URL) are claims of the token. It expires at `expires_at` (epoch
    seconds).
    """

    uid: str
    name: str | None = None
    picture: str | None = None
    expires_at: float = field(default=0.0, compare=False)

    is_authenticated: ClassVar[bool] = True
    is_anonymous: ClassVar[bool] = False

    @property
    def pk(self) -> str:
        return self.uid

    def __str__(self) -> str:
        return self.uid


def verify(token: str, *, project: str, find_key: KeyFinder, now: float) -> Viewer:
    """Return the viewer that a token identifies in a project. Takes about 60 µs.

    `now` is in epoch seconds. `find_key` returns the public key of a key id, or None; its exceptions propagate. Raises
    InvalidToken.
    """
    key = find_key(_get_key_id(token))
    if key is None:
        raise InvalidToken("The token is signed by an unknown key.")
    try:
        claims = jwt.decode(token, key, algorithms=[ALGORITHM], options=_SIGNATURE_ONLY)
    except jwt.PyJWTError:
        raise InvalidToken("The token's signature does not match.") from None
    _check_origin(claims, project)
    _check_times(claims, now)
    return Viewer(
        uid=_get_subject(claims),
        name=_clean_name(claims.get("name")),
        picture=_clean_picture(claims.get("picture")),
        expires_at=_get_seconds(claims, "exp"),
    )


def is_valid_uid(value: object) -> bool:
    """Return whether `value` can be a uid: 1 to 128 printable characters. It becomes part of keys and rows."""
    return isinstance(value, str) and 0 < len(value) <= MAX_UID and value.isprintable()


def _get_key_id(token: str) -> str:
    """Return the key id of the unverified header. Other algorithms are rejected before a key is looked up."""
    if len(token) > MAX_TOKEN:
        raise InvalidToken("The token is too long.")
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, UnicodeError):
        raise InvalidToken("This is not a token.") from None
    if header.get("alg") != ALGORITHM:
        raise InvalidToken(f"The token is not signed with {ALGORITHM}.")
    kid = header.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID:
        raise InvalidToken("The token names no key.")
    return kid


def _check_origin(claims: dict[str, Any], project: str) -> None:
    if not project or claims.get("aud") != project:
        raise InvalidToken("The token is for another project.")
    if claims.get("iss") != ISSUER + project:
        raise InvalidToken("The token has another issuer.")


def _check_times(claims: dict[str, Any], now: float) -> None:
    if _get_seconds(claims, "iat") > now + LEEWAY:
        raise InvalidToken("The token was issued in the future.")
    for optional in ("auth_time", "nbf"):
        if optional in claims and _get_seconds(claims, optional) > now + LEEWAY:
            raise InvalidToken("The token is not valid yet.")
    if _get_seconds(claims, "exp") <= now - LEEWAY:
        raise InvalidToken("The token has expired.", code="token_expired")


def _get_seconds(claims: dict[str, Any], name: str) -> float:
    value = claims.get(name)
    # Python's JSON accepts NaN and infinity. The comparison is false for both.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < MAX_TIME:
        raise InvalidToken(f"The token has no proper {name}.")
    return value


def _get_subject(claims: dict[str, Any]) -> str:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not is_valid_uid(subject):
        raise InvalidToken("The token has no valid subject.")
    return subject


def _clean_name(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    kept = "".join(filter(_may_occur_in_name, value[:MAX_NAME]))
    return " ".join(kept.split()) or None


def _may_occur_in_name(character: str) -> bool:
    """Return whether names may have this character. Joiners, which names and emoji need, are allowed.

    Some stores refuse control characters and lone surrogates. Bidirectional controls change the direction of the text
    that follows the name.
    """
    return character not in _BIDIRECTIONAL_CONTROLS and unicodedata.category(character) not in ("Cc", "Cs")


def _clean_picture(value: object) -> str | None:
    if not isinstance(value, str) or len(value) > MAX_PICTURE or not value.isprintable():
        return None
    return value if value.startswith(("https://", "http://")) else None
