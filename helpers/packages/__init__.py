"""Packages inside images: their databases and metadata files, read without running anything."""

from paack.helpers.packages.image_packages import FoundPackage, ImagePackages, image_packages
from paack.helpers.packages.layer_packages import LayerPackages, dump, load
from paack.helpers.packages.package import Package
from paack.helpers.packages.readers import (
    BINARY_FROM,
    READING,
    Found,
    is_link_of_documents,
    kind_of,
    read_file,
)

__all__ = [
    "BINARY_FROM",
    "READING",
    "Found",
    "FoundPackage",
    "ImagePackages",
    "LayerPackages",
    "Package",
    "dump",
    "image_packages",
    "is_link_of_documents",
    "kind_of",
    "load",
    "read_file",
]
