"""Rendering specs/*.j2: the spec, and what a package puts on a device."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # most of what people call renders nothing, and jinja2 takes long to load
    from jinja2 import Environment

#: Where specs/ and pages/ are.
ROOT = Path(__file__).resolve().parent.parent


def escape(text: str) -> str:
    """Return ``text`` such that rpm's macro engine gives it back unchanged."""
    return text.replace("%", "%%")


def render(template: str, **values: Any) -> str:
    """Render ``specs/TEMPLATE``; an undefined name is an error."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    """Return the one environment: it keeps what it compiled."""
    # No HTML here; `escape` is for rpm.
    environment = new_environment(ROOT / "specs", keep_trailing_newline=True, autoescape=False)
    environment.filters["escape"] = escape
    return environment


def new_environment(directory: Path, **options: Any) -> Environment:
    """Return an environment for the templates in ``directory``, with jinja2's further options."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(  # noqa: S701 - callers choose `autoescape`
        loader=FileSystemLoader(directory),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        **options,
    )
