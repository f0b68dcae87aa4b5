"""An authority and its certificates, made by hand: what an operator's own would look like."""

import base64
import datetime
import hashlib
import ipaddress
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOUR, DAY = datetime.timedelta(hours=1), datetime.timedelta(days=1)


def _pem(key) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _alternative(name: str):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Authority:
    def __init__(self, name: str = "tests"):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Fantail {name}")])
        self.certificate = self._sign(self.name, self.key.public_key(), 3650 * DAY, x509.BasicConstraints(True, None), [])

    def _sign(self, subject, key, life, constraints, alternatives):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key)
            .serial_number(x509.random_serial_number()).not_valid_before(now - 2 * DAY).not_valid_after(now + life)
            .add_extension(constraints, True))
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), False)
        return builder.sign(self.key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, *names: str, life=397 * DAY) -> "Paper":
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody looks here")])
        made = self._sign(subject, key.public_key(), life, x509.BasicConstraints(False, None), [_alternative(name) for name in names])
        return Paper(made, key)


class Paper:
    def __init__(self, certificate, key):
        self.serial = certificate.serial_number
        public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        #: How a browser is told that it may believe this very key.
        self.pin = base64.b64encode(hashlib.sha256(public).digest()).decode()
        self.ends = int(certificate.not_valid_after_utc.timestamp())
        self.certificate, self.key = certificate.public_bytes(serialization.Encoding.PEM), _pem(key)

    def install(self, certificate: Path, key: Path):
        """As a careful tool does it: whole files, the key first."""
        for path, text in ((key, self.key), (certificate, self.certificate)):
            new = path.with_suffix(".new")
            new.touch(0o600)
            new.write_bytes(text)
            os.replace(new, path)
