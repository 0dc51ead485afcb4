"""Where images come from, through skopeo: registries, layouts, archives, local storage.

skopeo does the transports, credentials (``REGISTRY_AUTH_FILE``), mirrors (registries.conf) and
the signature policy (policy.json). Layers go straight into the blob cache; those that are there
are not fetched again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from paack.helpers.arch import oci_arch
from paack.helpers.blobs import BROKEN_IMAGE, Cache, digest_of, is_digest
from paack.helpers.errors import LockError, Place, RegistryError, UsageError, VerificationError
from paack.helpers.hint import command
from paack.helpers.oci import LockedImage, LockedLayer, Source
from paack.helpers.oci import manifest as oci
from paack.helpers.progress import Meter, Reporter, count, human
from paack.helpers.registry.arrival import watching
from paack.helpers.registry.resolution import check_image, locked_image
from paack.helpers.registry.skopeo_errors import explain
from paack.helpers.run import Result, run
from paack.helpers.workspace import workspace

RETRIES = "2"  # skopeo waits 1 s, then 2 s
# All retries together: where packets vanish, each alone would take so long.
_INSPECT = ("--command-timeout=30s", "inspect", "--retry-times", RETRIES)
_PARALLEL = 4


@dataclass(frozen=True, slots=True)
class Registry:
    """Resolves and fetches images. ``base`` is the directory that relative sources start from.

    ``places`` are the lines that ask for the sources, by their text.
    """

    cache: Cache
    base: Path
    reporter: Reporter
    authfile: Path | None = None
    places: Mapping[str, Place] = field(default_factory=dict)

    def resolve(self, wanted: Iterable[tuple[Source, str]]) -> list[LockedImage]:
        """Resolve (source, RPM arch) pairs to digests, several at a time, results in order.

        Manifests and configs are put into the cache. Raises RegistryError for the first that
        cannot be resolved.
        """
        pairs = list(wanted)
        label = f"lock    {count(len(pairs), 'image')}"
        with self.reporter.busy(label), ThreadPoolExecutor(_PARALLEL) as pool:
            return list(pool.map(lambda pair: self._resolve(*pair), pairs))

    def fetch(self, image: LockedImage, source: Source) -> None:
        """Bring every blob of ``image`` that the cache lacks; raise RegistryError.

        skopeo also asks the signature policy, once for an image from a repository: even when its
        layers are there, for other images had them.
        """
        layers = {layer.digest: layer for layer in image.layers}
        lacking = [each for each in layers.values() if not self.cache.has(each.digest, each.size)]
        metadata = [image.manifest, image.config, *([image.list] if image.list else [])]
        label = f"fetch   {image.source} ({image.arch})"
        total = sum(layer.size for layer in lacking)
        needed = bool(lacking) or not self.cache.is_admitted(_from(source), image.manifest)
        with self.reporter.step(label, total) as meter:
            if source.origin is None:
                if needed or not all(map(self.cache.has, metadata)):
                    self._check_same(image, self._resolve_local(source, image.arch))
                self.check(image, source)
            else:
                self._fetch_metadata(image, source)
                self.check(image, source)
                if needed:
                    self._fetch_layers(image, source, lacking, meter)
                    self.cache.admit(_from(source), image.manifest)
            cached = len(layers) - len(lacking)
            layer_count = count(len(layers), "layer")
            meter.note(f"{layer_count}, {cached} cached, {human(total)} fetched")
        for digest in (*layers, *metadata):
            self.cache.use(self.cache.path(digest))

    def check(self, image: LockedImage, source: Source) -> None:
        """Raise RegistryError for what an older paack locked, and devices could not use."""
        with self._naming(source, image.arch):
            check_image(image, self.cache)

    def manifest(self, source: Source, tag_or_digest: str) -> bytes:
        """Return a manifest or list as its registry has it now; raise RegistryError.

        Raises VerificationError when it has other bytes than the digest that it was asked for.
        """
        command = [*_INSPECT, "--raw", _docker(source, tag_or_digest)]
        content = self._skopeo(source, command).stdout
        if is_digest(tag_or_digest):
            self._check_digest(source, content, tag_or_digest)
        return content

    def _resolve(self, source: Source, arch: str) -> LockedImage:
        if source.origin is None:
            return self._resolve_local(source, arch)
        where = source.origin.digest or f"{source.origin.tag}"
        raw = self.manifest(source, where)
        index = None
        with self._naming(source, arch):
            if oci.is_index(raw):
                index = self.cache.put(raw)
                raw = self.manifest(source, oci.choose(raw, arch))
            manifest = self.cache.put(raw)
            config_digest = oci.parse_manifest(raw).config.digest
        config = self._config(source, manifest, config_digest)
        with self._naming(source, arch):
            return locked_image(source, arch, index, raw, config)

    def _resolve_local(self, source: Source, arch: str) -> LockedImage:
        """Copy an image that is on this machine into the cache as a whole, and look at it."""
        where = f"{source.transport}:{source.location}"
        with workspace(self.cache.scratch()) as stage:
            target = stage / "image"
            # skopeo unpacks archives; in its own place a killed one would leave that behind.
            temporary = ["--tmpdir", str(stage)]
            options = ["--override-os", "linux", "--override-arch", oci_arch(arch), *temporary]
            preserve = [] if source.transport == "containers-storage" else ["--preserve-digests"]
            self._skopeo(
                source,
                [*options, "copy", "--remove-signatures", *preserve, where, f"dir:{target}"],
            )
            raw = (target / "manifest.json").read_bytes()
            with self._naming(source, arch):
                manifest = oci.parse_manifest(raw)
            self.cache.admit(_from(source), self.cache.put(raw))
            for digest in {manifest.config.digest, *(each.digest for each in manifest.layers)}:
                self.cache.adopt(target / digest.removeprefix("sha256:"), digest)
            index = None
            if source.transport in ("oci", "oci-archive"):
                top = self._skopeo(source, [*temporary, "inspect", "--raw", where]).stdout
                index = self.cache.put(top) if oci.is_index(top) else None
        config = self.cache.read(manifest.config.digest)
        with self._naming(source, arch):
            return locked_image(source, arch, index, raw, config)

    def _fetch_metadata(self, image: LockedImage, source: Source) -> None:
        for digest in filter(None, (image.list, image.manifest)):
            if not self.cache.has(digest):
                self.cache.put(self.manifest(source, digest))
        if not self.cache.has(image.config):
            self._config(source, image.manifest, image.config)

    def _fetch_layers(
        self, image: LockedImage, source: Source, lacking: list[LockedLayer], meter: Meter
    ) -> None:
        """Copy into an OCI layout whose blob directory already holds what the cache has.

        With nothing lacking, only the signature policy is asked.
        """
        manifest = oci.parse_manifest(self.cache.read(image.manifest))
        with workspace(self.cache.scratch()) as stage:
            blobs = stage / "blobs" / "sha256"
            blobs.mkdir(parents=True)
            wanted = {layer.digest for layer in lacking}
            for layer in image.layers:
                name = blobs / layer.digest.removeprefix("sha256:")
                if layer.digest not in wanted and not name.exists():
                    name.hardlink_to(self.cache.path(layer.digest))
            # A layout holds no Docker manifest, but the layers of an image with one.
            keep = ["--preserve-digests"] if manifest.media_type == oci.OCI_MANIFEST else []
            # Otherwise skopeo would gzip a layer that the image holds uncompressed.
            target = ["--dest-oci-accept-uncompressed-layers", "--dest-shared-blob-dir", "blobs"]
            target = [*keep, *target, "oci:layout:image"]
            command = ["copy", "--remove-signatures", "--retry-times", RETRIES]
            with watching(stage, lacking, meter):
                self._skopeo(
                    source, [*command, _docker(source, image.manifest), *target], cwd=stage
                )
            for layer in lacking:
                self._adopt(blobs / layer.digest.removeprefix("sha256:"), layer, source)

    def _adopt(self, file: Path, layer: LockedLayer, source: Source) -> None:
        # skopeo names a file by the digest of what it wrote into it.
        if file.exists() and file.stat().st_size != layer.size:
            raise RegistryError(
                f"{source.text}: its manifest gives layer {layer.digest} {layer.size} bytes, "
                f"but it has {file.stat().st_size}",
                hint=BROKEN_IMAGE,
            )
        if not file.exists():
            raise RegistryError(
                f"{source.text}: layer {layer.digest} did not arrive as the lock describes it",
                hint="run the command again; if it stays, resolve the image anew: "
                f"{command('lock', def_='FILE', update=True)}",
            )
        self.cache.adopt(file, layer.digest)

    def _check_same(self, locked: LockedImage, found: LockedImage) -> None:
        if found.manifest != locked.manifest:
            raise LockError(
                f"{locked.source} ({locked.arch}) is now {found.manifest}, "
                f"the lock says {locked.manifest}",
                hint="bring back the image that was locked, or lock anew: "
                f"{command('lock', def_='FILE', update=True)}",
            )

    def _config(self, source: Source, manifest: str, digest: str) -> bytes:
        if self.cache.has(digest):
            return self.cache.read(digest)
        command = [*_INSPECT, "--raw", "--config"]
        content = self._skopeo(source, [*command, _docker(source, manifest)]).stdout
        self._check_digest(source, content, digest)
        self.cache.put(content)
        return content

    def _check_digest(self, source: Source, content: bytes, digest: str) -> None:
        if digest_of(content) != digest:
            raise VerificationError(
                f"{source.text}: the registry sent other bytes than {digest}",
                hint="do not trust that registry or mirror; see registries.conf for which is used",
            )

    @contextmanager
    def _naming(self, source: Source, arch: str) -> Iterator[None]:
        """Put the image, and the line that asks for it, in front of what is wrong with it."""
        try:
            yield
        except RegistryError as error:
            if error.place is not None or error.message.startswith(source.text):
                raise
            message = f"{source.text} ({arch}): {error.message}"
            place = self.places.get(source.text)
            raise type(error)(message, place=place, hint=error.hint) from error

    def _skopeo(self, source: Source, arguments: list[str], cwd: Path | None = None) -> Result:
        """Run skopeo; relative sources are found from the definition's directory."""
        registries = registries_conf()
        options = ["--registries-conf", str(registries)] if registries else []
        env = {"REGISTRY_AUTH_FILE": str(self.authfile.resolve())} if self.authfile else {}
        # The digest of everything is checked here, and its echo would be a line per image.
        command = ["skopeo", *options, *arguments]
        result = run(command, cwd=cwd or self.base, env=env, check=False, quiet=True)
        if result.status != 0:
            raise explain(source, result)
        return result


def registries_conf() -> Path | None:
    """Return the file that CONTAINERS_REGISTRIES_CONF names, absolute; None without.

    Raises UsageError when it is not there: skopeo would say so as of the image.
    """
    name = os.environ.get("CONTAINERS_REGISTRIES_CONF")
    if name and not Path(name).exists():
        hint = "CONTAINERS_REGISTRIES_CONF names it: correct that, or unset it"
        raise UsageError(f"{name}: there is no such file", hint=hint)
    return Path(name).absolute() if name else None  # skopeo is started in other directories


def _from(source: Source) -> str:
    """Return what a signature policy tells sources apart by: a repository, or a local place."""
    return source.origin.repo if source.origin else f"{source.transport}:{source.location}"


def _docker(source: Source, tag_or_digest: str) -> str:
    """Return the skopeo name of an image in the repository that ``source`` names."""
    assert source.origin is not None
    mark = "@" if tag_or_digest.startswith("sha256:") else ":"
    return f"docker://{source.origin.repo}{mark}{tag_or_digest}"
