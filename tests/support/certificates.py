"""A certificate authority for tests, by openssl."""

from pathlib import Path

from tests.support.commands import run

_NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


class CertificateAuthority:
    """Keeps everything in `directory`: only ca.crt has a suffix that container tools look for."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.directory = directory
        self.certificate = directory / "ca.crt"
        self._key = directory / "ca-key.pem"
        _request(
            ["-subj", "/CN=paack test CA", "-addext", "basicConstraints=critical,CA:TRUE"],
            certificate=self.certificate,
            key=self._key,
        )

    def issue(self, address: str) -> tuple[Path, Path]:
        """Write a server certificate for the IP `address`; return the certificate and its key."""
        certificate = self.directory / f"{address}-certificate.pem"
        key = self.directory / f"{address}-key.pem"
        signer = ["-CA", str(self.certificate), "-CAkey", str(self._key)]
        names = ["-subj", f"/CN={address}", "-addext", f"subjectAltName=IP:{address}"]
        leaf = ["-addext", "basicConstraints=critical,CA:FALSE"]
        _request([*signer, *names, *leaf], certificate=certificate, key=key)
        return certificate, key


def _request(options: list[str], *, certificate: Path, key: Path) -> None:
    files = ["-keyout", str(key), "-out", str(certificate)]
    run(["openssl", "req", "-x509", "-days", "30", *_NEW_KEY, *options, *files])
