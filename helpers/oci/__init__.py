"""Images as OCI and Docker schema 2 have them: references, manifests, configs, layouts."""

from paack.helpers.oci.chain import StoredLayer, chain_ids, layer_id, stored_layers
from paack.helpers.oci.image_facts import ImageFacts, read_facts
from paack.helpers.oci.layout import ImageSpec, LayerBlob, layout_of, put_image, write_index
from paack.helpers.oci.locked import LockedImage, LockedLayer, in_order, names_of, source_of
from paack.helpers.oci.manifest import READING, parse_config
from paack.helpers.oci.reference import (
    FILE_TRANSPORTS,
    IMAGE_DEPENDENCY,
    Reference,
    ReferenceProblem,
    Source,
    parse_dependency,
    parse_reference,
    parse_source,
)
from paack.helpers.oci.rfc3339 import parse_time, utc

__all__ = [
    "FILE_TRANSPORTS",
    "IMAGE_DEPENDENCY",
    "READING",
    "ImageFacts",
    "ImageSpec",
    "LayerBlob",
    "LockedImage",
    "LockedLayer",
    "Reference",
    "ReferenceProblem",
    "Source",
    "StoredLayer",
    "chain_ids",
    "in_order",
    "layer_id",
    "layout_of",
    "names_of",
    "parse_config",
    "parse_dependency",
    "parse_reference",
    "parse_source",
    "parse_time",
    "put_image",
    "read_facts",
    "source_of",
    "stored_layers",
    "utc",
    "write_index",
]
