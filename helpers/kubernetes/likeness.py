"""Which texts look like images, and which words say that a text is one.

A text that stands for an image by itself has a registry and a path, and a tag or a digest: as
github.com/distribution/reference has it. With less a word must say it, a key or an option.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from paack.helpers.oci import Reference, ReferenceProblem, parse_reference

_LONGEST = 512
_VERSION = re.compile(r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?")
_SHORT = re.compile(r"[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?P<version>[:@].+)?")
#: What has the form of an image: code, and taints of nodes.
_CODE = ("github.com/", "golang.org/", "gopkg.in/", "bitbucket.org/", "gitlab.com/")
_TAINTS = (":NoSchedule", ":NoExecute", ":PreferNoSchedule")
_FILES = re.compile(r"\.(?:ya?ml|json|md|txt|html?|tar|t?gz|zip|sh|go|py|conf|sock|crt|pem)(?:$|:)")
_PICTURES = re.compile(r"\.(?:png|jpe?g|svg|gif|ico|iso|img|qcow2|raw|html?|ya?ml|json|sh)$")
_NO_NAMES = frozenset({"true", "false", "yes", "no", "none", "enabled", "disabled", "default"})
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_KEY = re.compile(r"""\s*(?:- )?["']?([A-Za-z0-9_.-]+)["']?\s*:\s""")
_WORD = re.compile(r"""[^\s"'`,;|<>\[\]()]+""")
#: Template languages and variables: what comes out is known only when it runs.
_TEMPLATE = re.compile(r"\{\{|\$\{|\$\(|<[A-Za-z_-]+>|%[sdv]\b|\$[A-Z_]+\b")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text: ``name`` says what it is (an option, a variable), "" for none.

    ``line`` counts the line ends before it.
    """

    text: str
    name: str
    line: int


def is_full(text: str) -> bool:
    """Tell whether a text can be nothing but an image: written in full, with a version."""
    reference = _parsed(text)
    return reference is not None and text != reference.repo


def is_full_repository(text: str) -> bool:
    """Tell whether a text may be an image: a registry and a path, perhaps a version."""
    return _parsed(text) is not None


def is_short(text: str) -> bool:
    """Tell whether a text may be an image without its registry, but with a version."""
    match = _SHORT.fullmatch(text) if len(text) < _LONGEST else None
    version = match["version"] if match else None
    return version is not None and bool(_VERSION.fullmatch(version))


def is_bare(text: str) -> bool:
    """Tell whether a text may be an image without its registry and its version."""
    match = _SHORT.fullmatch(text) if len(text) < _LONGEST else None
    is_other = text in _NO_NAMES or text.isdecimal() or _PICTURES.search(text)
    return match is not None and match["version"] is None and not is_other


def is_template(text: str) -> bool:
    """Tell whether parts of a text come from elsewhere when it is used."""
    return bool(_TEMPLATE.search(text))


def names_image(word: str) -> bool:
    """Tell whether a key, an option or a variable is called after an image."""
    return any(_is_image(part) for part in _PARTS.findall(word))


def is_image_word(word: str) -> bool:
    """Tell whether a key, an option or a variable says that its value is an image."""
    parts = _PARTS.findall(word)
    return bool(parts) and _is_image(parts[-1])


def words_of(text: str) -> Iterator[Word]:
    """Yield the words of a text that may be images, with the name that stands before them.

    That is what is left of ``=``, an option before the word, or the key in a line like YAML's.
    """
    for number, line in enumerate(text.split("\n")):
        if "/" not in line and ":" not in line:
            continue
        key = _KEY.match(line)
        before = key[1] if key else ""
        names = names_image(before)
        rest = line[key.end() :].strip(" \t\"'") if key else ""
        if is_image_word(before) and is_template(rest):
            yield Word(rest, before, number)
        for word in _WORD.findall(line):
            name, equals, value = word.rpartition("=")
            if equals and value:
                yield Word(value, name, number)
            elif ("/" in word or ":" in word[:-1]) and not is_template(word):
                yield Word(word.rstrip(".:"), before, number)
            if word.startswith("-") or word[-1] in ":=":
                before = word.rstrip(":=")
            elif not names:
                before = ""


def _is_image(part: str) -> bool:
    lower = part.lower()
    return lower.endswith(("image", "images")) or lower.startswith("image") or lower == "img"


def _parsed(text: str) -> Reference | None:
    if len(text) > _LONGEST or "/" not in text or text.startswith(_CODE):
        return None
    if text.endswith(_TAINTS) or _FILES.search(text):
        return None
    try:
        reference = parse_reference(text)
    except ReferenceProblem:
        return None
    return reference if "." in reference.registry or ":" in reference.registry else None
