"""Recognizing a lock or an RPM given as a definition, and definitions that would share a lock."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from paack.helpers.document import Problems
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
