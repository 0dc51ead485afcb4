"""What skopeo says when it fails, turned into what a person can do about it."""

from __future__ import annotations

import re

from paack.helpers.errors import BuildError, NoSuchImage, PaackError, RegistryError
from paack.helpers.oci import FILE_TRANSPORTS, Source
from paack.helpers.registry import pull_secret
from paack.helpers.run import Result

_REFUSED = "{registry} refuses access"
_UNREACHABLE = "{registry} cannot be reached"
_GONE = "there is no such image"
_REJECTED = "the signature policy rejects it"
_POLICY = (
    "see containers-policy.json(5): /etc/containers/policy.json or "
    "~/.config/containers/policy.json; where signatures are: containers-registries.d(5)"
)
# (what skopeo's message contains, what we say, what to do); the first that fits is taken.
_CAUSES = (
    (
        r"loading registries configuration",
        "registries.conf cannot be used",
        "correct the file that skopeo names (containers-registries.conf(5))",
    ),
    (
        r"Source image rejected|rejected by policy",
        _REJECTED,
        _POLICY,
    ),
    (
        r"no space left on device",
        "the disk is full",
        "make room, or put the cache elsewhere with XDG_CACHE_HOME",
    ),
    (
        r"(open|read|stat|mkdir|creating) .*: permission denied",
        "a file may not be read or written",
        "see who owns it; credentials are read from REGISTRY_AUTH_FILE or --authfile",
    ),
    (
        r"toomanyrequests|StatusCode: 429|status: 429",
        "{registry} limits how much may be pulled",
        "log in: podman login {registry}   (or wait, or name a mirror in registries.conf)",
    ),
    (
        r"HTTP status: 5\d\d|StatusCode: 5\d\d",
        "{registry} has a problem of its own",
        "try again later, or name a mirror in registries.conf (containers-registries.conf(5))",
    ),
    (
        r"unauthorized|authentication required|invalid username/password|status code: 401|denied",
        _REFUSED,
        "log in: podman login {registry}   (or --authfile FILE, or REGISTRY_AUTH_FILE)",
    ),
    (
        r"connection refused|no such host|i/o timeout|no route to host|network is unreachable"
        r"|server misbehaving|TLS handshake timeout|deadline exceeded",
        _UNREACHABLE,
        "check the network, or name a mirror in registries.conf (containers-registries.conf(5))",
    ),
    (
        r"server gave HTTP response to HTTPS client|does not look like a TLS handshake",
        "{registry} speaks http, not https",
        "if that is right, say so: mkdir -p ~/.config/containers/registries.conf.d && printf "
        "'[[registry]]\\nlocation = \"{registry}\"\\ninsecure = true\\n' "
        "> ~/.config/containers/registries.conf.d/{registry}.conf",
    ),
    (
        r"x509|certificate",
        "{registry} has no certificate that this machine trusts",
        "put its CA into /etc/containers/certs.d/{registry}/ca.crt, or mark it insecure in "
        "registries.conf",
    ),
    (
        r"manifest unknown|name unknown|repository name not known|not found|does not exist"
        r"|StatusCode: 404|no descriptor found|no such file or directory|is not an image"
        r"|no image found|unable to retrieve",
        _GONE,
        "check the name and the tag: skopeo list-tags docker://REPOSITORY",
    ),
    (
        r"[Dd]igest did not match|corrupt|unexpected EOF|connection reset|not match",
        "the image did not arrive whole, or not as its digests say",
        "run the command again; if it stays, do not trust that registry or mirror",
    ),
    (
        r"signature",
        _REJECTED,
        _POLICY,
    ),
)
#: What to do when an image on this machine is not there.
_LOCAL = {
    "oci": "see the names, org.opencontainers.image.ref.name, in {path}/index.json",
    "oci-archive": "see the names, org.opencontainers.image.ref.name: tar -xOf {path} index.json",
    "docker-archive": "see the names: skopeo list-tags docker-archive:{path}",
    "dir": "see whether there is a {path}/manifest.json",
    "containers-storage": "see the names: podman images",
}
_PATHS = "; a path starts at the directory of the definition"
_MESSAGE = re.compile(r'level=fatal msg="((?:[^"\\]|\\.)*)"')


def explain(source: Source, result: Result) -> PaackError:
    """Return the error to raise for a skopeo that failed on ``source``."""
    message = _fatal(result.stderr)
    reference = source.origin or source.reference
    registry = reference.registry
    full = "no space left" in message
    # An image may be called "signature" or "certificate".
    names = "|".join(map(re.escape, (reference.repo, source.location)))
    reason = re.sub(rf"(?<!\w)(?:{names})(?!\w)", "", message)
    for pattern, what, hint in _CAUSES:
        if re.search(pattern, reason):
            missing = NoSuchImage if what == _GONE else RegistryError
            kind = BuildError if full else missing
            if what == _REFUSED and pull_secret.wants_pull_secret(reference.repo):
                hint = pull_secret.HINT
            elif what == _UNREACHABLE and pull_secret.wants_pull_secret(reference.repo):
                hint = f"{hint.format(registry=registry)}; then {pull_secret.HINT}"
            elif what == _GONE and source.origin is None:
                hint = _local_hint(source)
            else:
                hint = hint.format(registry=registry)
            return kind(
                f"{source.text}: {what.format(registry=registry)}\n  skopeo: {message}", hint=hint
            )
    return RegistryError(
        f"{source.text}: cannot be fetched\n{result.explain()}",
        hint="run the skopeo command by hand to see more (skopeo --debug …)",
    )


def _local_hint(source: Source) -> str:
    path = source.location.partition(":")[0]
    text = _LOCAL[source.transport].format(path=path)
    is_relative = source.transport in FILE_TRANSPORTS and not path.startswith("/")
    return text + _PATHS if is_relative else text


def _fatal(stderr: str) -> str:
    messages = _MESSAGE.findall(stderr)
    if not messages:
        return stderr.strip().splitlines()[-1] if stderr.strip() else "(nothing)"
    return str(messages[-1]).replace('\\"', '"').replace("\\n", " ").replace("\\\\", "\\")
