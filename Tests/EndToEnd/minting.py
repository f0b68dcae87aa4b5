"""Keys and tokens, made by hand: what an issuer in any other language would do.

Nothing here uses the suite's own minter, so a token that passes proves that the documents say enough.
"""

import base64
import hashlib
import hmac
import json
import secrets
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def b64(data: bytes) -> str:
    """base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Secret:
    """An HS256 key."""

    algorithm = "HS256"

    def __init__(self, kid: str):
        self.kid = kid
        self.bytes = secrets.token_bytes(32)

    @property
    def line(self) -> str:
        return f"{self.kid} HS256 {b64(self.bytes)}"

    def sign(self, signed: bytes) -> bytes:
        return hmac.new(self.bytes, signed, hashlib.sha256).digest()


class Pair:
    """An Ed25519 key; the key file gets its public half only."""

    algorithm = "EdDSA"

    def __init__(self, kid: str):
        self.kid = kid
        self.private = Ed25519PrivateKey.generate()
        self.public = self.private.public_key().public_bytes_raw()

    @property
    def line(self) -> str:
        return f"{self.kid} EdDSA {b64(self.public)}"

    def sign(self, signed: bytes) -> bytes:
        return self.private.sign(signed)


def compose(header: dict, claims: dict, sign) -> str:
    """header.claims.signature; `sign` takes the bytes in front of the last dot."""
    signed = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{signed}.{b64(sign(signed.encode()))}"


def mint(key, user: str, device: str | None = None, life: float = 3600, **claims) -> str:
    """A token of `user` that lives `life` seconds. A claim given as None is left out."""
    content = {"sub": user, "exp": int(time.time() + life)}
    if device is not None:
        content["device"] = device
    content.update(claims)
    content = {name: value for name, value in content.items() if value is not None}
    return compose({"alg": key.algorithm, "typ": "JWT", "kid": key.kid}, content, key.sign)
