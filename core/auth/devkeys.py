"""The development signing key: made once, kept beside its public key set, read by the ordinary verifier."""

import base64
import contextlib
import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from core.auth.tokens import ALGORITHM, ISSUER

PRIVATE_KEY = "private.pem"
KEY_SET = "jwks.json"


@dataclass(frozen=True, slots=True)
class DevKeys:
    """Where the two files are, and the id of the key."""

    private_key: Path
    key_set: Path
    kid: str


def ensure_keys(directory: Path) -> DevKeys:
    """Make the key of `directory` unless it is there; the same answer ever after, also to racing callers.

    `private.pem` (RSA 2048, mode 0600) and `jwks.json`. Raises OSError, and ValueError
    when `private.pem` is not a private key. About 100 ms the first time.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    private_path, set_path = directory / PRIVATE_KEY, directory / KEY_SET
    if not private_path.exists():
        _create(private_path, _new_private_key())
    key = _load(private_path)
    document = _key_set(key.public_key())
    # The set follows from the private key, so that a killed or racing caller leaves nothing that differs.
    if not set_path.exists() or set_path.read_bytes() != document:
        _replace(set_path, document)
    return DevKeys(private_path, set_path, _kid(key.public_key()))


def sign_token(
    directory: Path,
    *,
    uid: str,
    project: str,
    now: float,
    name: str | None = None,
    lifetime: float = 3600,
) -> str:
    """A token for `uid` as Firebase would write it, good for `lifetime` seconds from `now` (Unix seconds).

    Raises FileNotFoundError when `ensure_keys` has not made the key.
    """
    key = _load(directory / PRIVATE_KEY)
    claims: dict[str, Any] = {
        "iss": ISSUER + project,
        "aud": project,
        "sub": uid,
        "user_id": uid,
        "auth_time": int(now),
        "iat": int(now),
        "exp": int(now + lifetime),
        "firebase": {"identities": {}, "sign_in_provider": "custom"},
    }
    if name is not None:
        claims["name"] = name
    return jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": _kid(key.public_key())})


def _new_private_key() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _load(path: Path) -> rsa.RSAPrivateKey:
    # The numbers are our own; proving them prime again would take 40 ms per token.
    key = serialization.load_pem_private_key(
        path.read_bytes(), password=None, unsafe_skip_rsa_key_validation=True
    )
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError(f"{path} holds no RSA key")
    return key


def _key_set(key: rsa.RSAPublicKey) -> bytes:
    public = jwt.algorithms.RSAAlgorithm.to_jwk(key, as_dict=True)
    entry = {**public, "kid": _kid(key), "alg": ALGORITHM, "use": "sig"}
    return json.dumps({"keys": [entry]}, indent=2, sort_keys=True).encode() + b"\n"


def _kid(key: rsa.RSAPublicKey) -> str:
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return "dev-" + base64.urlsafe_b64encode(hashlib.sha256(der).digest()).decode()[:16]


def _create(path: Path, content: bytes) -> None:
    """Whole or not at all, and never over a file that another process made first."""
    temporary = _temporary(path, content)
    try:
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink()


def _replace(path: Path, content: bytes) -> None:
    _temporary(path, content).replace(path)


def _temporary(path: Path, content: bytes) -> Path:
    """A synced file of mode 0600 beside `path`."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)
