"""Recognizing a lock or an RPM given as a definition, one package without a list, and twins.

Twins are definitions that would share a lock.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from paack.helpers.document import Located, Problems
from paack.helpers.errors import DefinitionError, Place

_RPM = b"\xed\xab\xee\xdb"
_LOCK = (".lock.yaml", ".lock.yml")
_TWINS = {".yaml": ".yml", ".yml": ".yaml"}


def check_kind(file: Path) -> None:
    """Raise DefinitionError for an RPM or a lock; whatever else is wrong shows when it is read."""
    if file.name.endswith(_LOCK):
        name = file.name.rpartition(".lock.")[0]
        raise DefinitionError(
            "is a lock", place=Place(file), hint=f"name its definition: {name}.yaml"
        )
    with suppress(OSError), file.open("rb") as content:
        if content.read(len(_RPM)) == _RPM:
            hint = "name the YAML file that it was made from"
            raise DefinitionError("is an RPM", place=Place(file), hint=hint)


def check_twin(file: Path, problems: Problems) -> None:
    """Note a definition beside this one that would have the same lock."""
    twin = file.with_suffix(_TWINS.get(file.suffix, file.suffix))
    if twin != file and twin.exists():
        lock = f"{file.stem}.lock.yaml"
        message = f"{file.name} and {twin.name} are both here, and would have one lock, {lock}"
        problems.add(0, message, "give one of them another name")


def with_packages(document: Located) -> Located:
    """A file that holds one package and no list is taken as a list of one."""
    keys = document.value if isinstance(document.value, dict) else {}
    if "name" in keys and "packages" not in keys:
        return Located({"packages": Located([document], document.line)}, document.line)
    return document
