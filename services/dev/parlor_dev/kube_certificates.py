"""Keys, certificates and kubeconfigs of the API server that a stack runs for itself.

Called by `kube`. Made once and kept in the state folder. Everything that listens asks for a
client certificate, etcd too: other accounts of the machine must not read Secrets there.
"""

import base64
import datetime
import ipaddress
import json
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from parlor_dev.ports import HOST

OPERATOR = "parlor-operator"
_DAYS = 3650


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path

    @property
    def exists(self) -> bool:
        return self.certificate.exists() and self.key.exists()


class Certificates:
    """The authority `ca`, the server's own pair `server`, and one for each who calls."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ca = self._pair("ca")
        self.server = self._pair("server")
        self.admin = self._pair("admin")
        self.operator = self._pair("operator")
        self.signing_key = folder / "service-accounts.key"

    def make(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.operator.exists:  # the last one that is made
            return
        authority = ec.generate_private_key(ec.SECP256R1())
        name = _name("parlor-dev")
        root = _signed(name, authority, name, authority, _constraints(True))
        _write(self.ca, root, authority)
        _write_key(self.signing_key, ec.generate_private_key(ec.SECP256R1()))
        for pair, subject in (
            (self.server, _name("kube-apiserver")),
            (self.admin, _name("admin", "system:masters")),
            (self.operator, _name(OPERATOR)),
        ):
            key = ec.generate_private_key(ec.SECP256R1())
            _write(pair, _signed(subject, key, name, authority, _constraints(False)), key)

    def kubeconfig(self, path: Path, pair: Pair, url: str) -> None:
        """Write one that holds everything, so that it may be copied."""
        user = {
            "client-certificate-data": _encoded(pair.certificate),
            "client-key-data": _encoded(pair.key),
        }
        cluster = {"server": url, "certificate-authority-data": _encoded(self.ca.certificate)}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "parlor", "cluster": cluster}],
            "users": [{"name": "parlor", "user": user}],
            "contexts": [{"name": "parlor", "context": {"cluster": "parlor", "user": "parlor"}}],
            "current-context": "parlor",
        }
        fresh = path.with_name(f".{path.name}.new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(content))  # JSON is YAML
        fresh.replace(path)

    def _pair(self, name: str) -> Pair:
        return Pair(self._folder / f"{name}.crt", self._folder / f"{name}.key")


def _name(common: str, organization: str = "") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if organization:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(parts)


def _constraints(authority: bool) -> x509.BasicConstraints:
    return x509.BasicConstraints(ca=authority, path_length=None)


def _signed(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    constraints: x509.BasicConstraints,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=_DAYS))
        .add_extension(constraints, critical=True)
    )
    if not constraints.ca:
        names = [x509.IPAddress(ipaddress.ip_address(HOST)), x509.DNSName("localhost")]
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = builder.add_extension(
            x509.SubjectAlternativeName(names), critical=False
        ).add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _write(pair: Pair, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    _write_key(pair.key, key)
    pair.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
