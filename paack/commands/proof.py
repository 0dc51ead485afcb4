"""Tasks that prove and show: check, verify, diff, report, sbom."""

from __future__ import annotations

import sys
from pathlib import Path
from platform import machine
from typing import Any

from paack.commands.command import AUTHFILE, DEF, JSON, OUTPUT, builder_of, command, definition_of


@command(
    help={
        "def": DEF,
        "why": "Only say which manifests need this image, and where",
        "add": "Write images that are missing into the definition first",
        "all": "Also say what only looks like an image",
        "json": "Print the problems, and all images that are needed, as JSON",
    }
)
def check(
    _: Any,
    def_: str | None = None,
    why: str | None = None,
    add: bool = False,
    all_: bool = False,
    json: bool = False,
) -> None:
    """Check definition, manifests and lock, all problems at once, with no network."""
    from paack.helpers.check import add_missing
    from paack.helpers.check import check as check_definition

    definition = definition_of(def_)
    if add:
        print("\n".join(add_missing(check_definition(definition))), file=sys.stderr)
    report = check_definition(definition, everything=all_)
    if why:
        print(report.why(why))
        return
    print(report.as_json() if json else str(report) or "no problem")
    report.check()


@command(
    answers="verify",
    iterable=["rpm", "key"],
    help={
        "rpm": "An RPM that paack made (may be repeated; default: all that were built)",
        "run": "Start each image once, with podman and no network (needs root)",
        "key": "A file of public keys, or a fingerprint: one must have signed (may be repeated)",
        "against": "registry: ask again for all digests and tags; cache: fetch nothing",
        "base": "Where sources that are relative paths start (default: here)",
        "output": OUTPUT,
        "authfile": AUTHFILE,
        "json": JSON,
    },
)
def verify(
    _: Any,
    rpm: list[str] | None = None,
    run: bool = False,
    against: str = "",
    key: list[str] | None = None,
    base: str = ".",
    output: str | None = None,
    authfile: str | None = None,
    json: bool = False,
) -> dict[str, Any]:
    """Prove that the store in an RPM is what its lock names, byte for byte, without root."""
    from paack.helpers.report import built_rpms
    from paack.helpers.verify import Demands, Verifier

    builder = builder_of(output, authfile)
    rpms = [Path(each) for each in rpm or ()] or built_rpms(builder.output, layers=True)
    registry, scratch = builder.registry_at(Path(base)), builder.output / "work"
    demands = Demands(run, against, tuple(key or ()))
    verifier = Verifier(registry, scratch, demands, output=builder.output)
    proofs = []
    for proof in verifier.verify_all(rpms):
        proofs.append(proof.as_json())
        if not json:
            print(proof)
    return {"rpms": proofs}


@command(
    help={
        "old": "An RPM, a lock, a definition (its lock), or REVISION:FILE as for git show",
        "new": "The same",
        "files": "Also every file that differs, with setuid and capabilities called out",
        "markdown": "For a pull request",
        "json": "For programs",
        "output": OUTPUT,
    }
)
def diff(
    _: Any,
    old: str = "",
    new: str = "",
    files: bool = False,
    markdown: bool = False,
    json: bool = False,
    output: str | None = None,
) -> None:
    """Say what an update changes: images, layers, bytes, files."""
    from paack.helpers.diff import diff as compare
    from paack.helpers.diff import side_of
    from paack.helpers.errors import UsageError
    from paack.helpers.verify import Verifier
    from paack.helpers.workspace import workspace

    if not old or not new:
        hint = "for example: --old OLD.rpm --new NEW.rpm"
        raise UsageError("two things to compare are needed", hint=hint)
    builder = builder_of(output)
    verifier = Verifier(builder.registry_at(Path()), builder.output / "work")
    with workspace(verifier.scratch) as work:
        sides = [side_of(each, verifier, work / str(i)) for i, each in enumerate((old, new))]
        found = compare(*sides, files=files)
    if json:
        print(found.as_json())
    else:
        print(found.markdown() if markdown else "\n".join(found.lines()))


@command(
    iterable=["rpm"],
    help={
        "rpm": "An RPM that paack made (may be repeated; default: all that were built)",
        "def": "Only the RPMs that were built of this definition",
        "budget": "Fail when an RPM is larger: 300MB, 1.5GiB",
        "json": "For programs",
        "output": OUTPUT,
    },
)
def report(
    _: Any,
    rpm: list[str] | None = None,
    def_: str | None = None,
    budget: str | None = None,
    json: bool = False,
    output: str | None = None,
) -> None:
    """Show what is in RPMs and where their bytes are, here and as a page in _output/reports."""
    from paack.helpers.packs import PackSource
    from paack.helpers.quadlet import load_definition
    from paack.helpers.report import (
        built_rpms,
        parse_budget,
        read_reports,
        report_json,
        report_lines,
        write_page,
    )

    limit = parse_budget(budget) if budget else None
    out = Path(output or "_output")
    definition = load_definition(Path(def_)) if def_ else None
    rpms = [Path(each) for each in rpm or ()] or built_rpms(out, definition)
    registry = builder_of(output).registry_at(Path())
    beside = tuple(dict.fromkeys(each.parent for each in rpms))
    hint = "put the RPMs of its packs beside it: dnf download container-pack-HASH"
    packs = PackSource(registry, out, beside=beside, hint=hint)
    reports = read_reports(rpms, out / "work", packs)
    pages = [(each, str(write_page(each, limit, out))) for each in reports]
    if json:
        print(report_json(pages))
    else:
        print("\n".join(line for each, page in pages for line in report_lines(each, page)))
    if limit:
        limit.check(reports)


@command(
    iterable=["rpm", "image"],
    help={
        "rpm": "An RPM that paack made; its bill is printed as it is",
        "def": "A definition, whose lock counts: what a build would write (one package, one arch)",
        "image": "An image that is in no package, as a definition writes it (may be repeated)",
        "arch": "RPM architecture; of images alone (default: this machine's)",
        "name": "Name of the package, where the definition has several",
        "format": "spdx or cyclonedx",
        "output": OUTPUT,
        "authfile": AUTHFILE,
    },
)
def sbom(
    _: Any,
    rpm: list[str] | None = None,
    def_: str | None = None,
    arch: str | None = None,
    image: list[str] | None = None,
    name: str | None = None,
    format: str = "spdx",  # noqa: A002 the option
    output: str | None = None,
    authfile: str | None = None,
) -> None:
    """Print the bill of materials of an RPM, of a definition, or of images alone."""
    from paack.helpers.errors import UsageError
    from paack.helpers.sbom import bill_of_definition, bill_of_images, bill_of_rpm, check_format
    from paack.helpers.workspace import workspace

    check_format(format)
    builder = builder_of(output, authfile)
    if len(rpm or ()) + bool(def_) + bool(image) != 1:
        hint = "paack sbom --rpm RPM; paack sbom --def FILE; paack sbom --image IMAGE"
        raise UsageError("one RPM or definition is needed, or images", hint=hint)
    if (rpm and arch) or (name and not def_):
        what = "--arch: an RPM has one" if rpm and arch else "--name is that of a package"
        raise UsageError(what, hint="leave it out, or name a definition: --def FILE")
    if rpm:
        (builder.output / "work").mkdir(parents=True, exist_ok=True)
        with workspace(builder.output / "work") as work:
            text = bill_of_rpm(Path(rpm[0]), format, work)
    elif image:
        text = bill_of_images(builder, image, format, arch=arch or machine())
    else:
        text = bill_of_definition(builder, definition_of(def_), format, arch=arch, name=name)
    sys.stdout.buffer.write(text)
