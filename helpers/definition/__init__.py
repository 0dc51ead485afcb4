"""Definitions: which images and manifests become which packages."""

from paack.helpers.definition.charts import charts_path
from paack.helpers.definition.definition import (
    DEFAULT_MANIFEST_PATH,
    Definition,
    Image,
    Package,
    PackageArch,
    read_definition,
)
from paack.helpers.definition.derived import FROM_UNITS
from paack.helpers.definition.dump import dump_definitions
from paack.helpers.definition.edit import Addition, add_images
from paack.helpers.definition.paths import MANIFEST_SUFFIXES
from paack.helpers.definition.redistribution import check_redistribution
from paack.helpers.definition.schema import definition_schema
from paack.helpers.definition.yaml_format import FILESYSTEMS, ChartDocument, IgnoredImage

__all__ = [
    "DEFAULT_MANIFEST_PATH",
    "FILESYSTEMS",
    "FROM_UNITS",
    "MANIFEST_SUFFIXES",
    "Addition",
    "ChartDocument",
    "Definition",
    "IgnoredImage",
    "Image",
    "Package",
    "PackageArch",
    "add_images",
    "charts_path",
    "check_redistribution",
    "definition_schema",
    "dump_definitions",
    "read_definition",
]
