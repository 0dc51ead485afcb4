"""Where images come from, and the cache of their blobs."""

from paack.helpers.registry.credentials import credentials
from paack.helpers.registry.fetch import fetch_images, fetch_layers
from paack.helpers.registry.origin import ask_origins, check_cached
from paack.helpers.registry.pull_secret import NAMESPACES, namespace_of, wants_pull_secret
from paack.helpers.registry.push import deliver, new_layout, parse_destination
from paack.helpers.registry.skopeo import Registry

__all__ = [
    "NAMESPACES",
    "Registry",
    "ask_origins",
    "check_cached",
    "credentials",
    "deliver",
    "fetch_images",
    "fetch_layers",
    "namespace_of",
    "new_layout",
    "parse_destination",
    "wants_pull_secret",
]
