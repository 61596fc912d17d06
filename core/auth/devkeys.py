"""The signing key for development, and its public key set, which the ordinary verifier reads."""

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
    """Paths of the two files, and the key's id."""

    private_key: Path
    key_set: Path
    kid: str


def ensure_keys(directory: Path) -> DevKeys:
    """Create `private.pem` (RSA 2048, mode 0600) and `jwks.json` in `directory`, unless they exist.

    Returns the same key to concurrent and later callers. The first call takes about 100 ms. Raises OSError, and
    ValueError if `private.pem` is not a private key.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    private_path, set_path = directory / PRIVATE_KEY, directory / KEY_SET
    if not private_path.exists():
        _create(private_path, _new_private_key())
    key = _load(private_path)
    document = _key_set(key.public_key())
    # The key set is derived from the private key, so an interrupted or concurrent call leaves no other one.
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
    """Return a token for `uid` as Firebase would write it, valid for `lifetime` seconds from `now` (epoch seconds).

    Raises FileNotFoundError if `ensure_keys` has not created the key.
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
    # We created the key, so its numbers need no validation, which would take 40 ms per token.
    key = serialization.load_pem_private_key(
        path.read_bytes(), password=None, unsafe_skip_rsa_key_validation=True
    )
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError(f"{path} does not contain an RSA key")
    return key


def _key_set(key: rsa.RSAPublicKey) -> bytes:
    public = jwt.algorithms.RSAAlgorithm.to_jwk(key, as_dict=True)
    entry = {**public, "kid": _kid(key), "alg": ALGORITHM, "use": "sig"}
    return json.dumps({"keys": [entry]}, indent=2, sort_keys=True).encode() + b"\n"


def _kid(key: rsa.RSAPublicKey) -> str:
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return "dev-" + base64.urlsafe_b64encode(hashlib.sha256(der).digest()).decode()[:16]


def _create(path: Path, content: bytes) -> None:
    """Create a file atomically. If another process created it first, keep that one."""
    temporary = _temporary(path, content)
    try:
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink()


def _replace(path: Path, content: bytes) -> None:
    _temporary(path, content).replace(path)


def _temporary(path: Path, content: bytes) -> Path:
    """Write a synced file of mode 0600 beside `path`."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)
