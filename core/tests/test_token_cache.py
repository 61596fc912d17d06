"""The cache of valid tokens: a token is verified once a minute, and never accepted after it expires."""

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from core.auth import token_cache
from core.auth.tokens import InvalidToken, Viewer
from core.tests import signing
from core.tests.signing import NOW, PROJECT, make_claims, sign


class TestTokenCache:
    @pytest.fixture(autouse=True)
    def _empty_cache(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(token_cache, "_cache", {})
        self.looked_up: list[str] = []

    def find_key(self, kid: str) -> rsa.RSAPublicKey | None:
        self.looked_up.append(kid)
        return signing.find_key(kid)

    def verify(self, token: str, *, project: str = PROJECT, now: float = NOW) -> Viewer:
        return token_cache.verify(token, project=project, find_key=self.find_key, now=now)

    def test_a_token_is_verified_once_a_minute(self) -> None:
        token = sign(make_claims())
        for now in (NOW, NOW + 59, NOW + 60, NOW + 61):
            assert self.verify(token, now=now).uid == "ama"
        assert len(self.looked_up) == 2

    def test_a_cached_token_expires_within_that_minute(self) -> None:
        token = sign(make_claims(exp=NOW + 10))
        self.verify(token)
        self.verify(token, now=NOW + 39)  # within the leeway
        with pytest.raises(InvalidToken) as refusal:
            self.verify(token, now=NOW + 41)
        assert refusal.value.code == "token_expired"

    def test_a_token_cached_for_another_project_or_other_keys_is_verified_again(self) -> None:
        token = sign(make_claims())
        self.verify(token)
        with pytest.raises(InvalidToken, match="another project"):
            self.verify(token, project="other")
        with pytest.raises(InvalidToken, match="unknown key"):
            token_cache.verify(token, project=PROJECT, find_key=lambda kid: None, now=NOW)

    def test_an_invalid_token_is_not_cached(self) -> None:
        token = sign(make_claims(sub=""))
        for _ in range(2):
            with pytest.raises(InvalidToken):
                self.verify(token)
        assert len(self.looked_up) == 2

    def test_the_cache_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(token_cache, "MAX_TOKENS", 3)
        for number in range(10):
            self.verify(sign(make_claims(sub=f"viewer-{number}")))
        assert len(token_cache._cache) <= 3
