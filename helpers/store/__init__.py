"""Stores of images (containers/storage, driver overlay), written and read as files."""

from paack.helpers.store.filesystem_needs import filesystems_of
from paack.helpers.store.image import (
    ImageMaker,
    check_size,
    image_maker,
    libzstd_version,
    make_image,
    squashfs_store,
)
from paack.helpers.store.image_reader import read_image
from paack.helpers.store.inventory import look, packages_of, recorded, unread
from paack.helpers.store.layer import Layer
from paack.helpers.store.pack import Pack, keep_pack, open_pack, pack_path
from paack.helpers.store.pack import weights as pack_weights
from paack.helpers.store.pack_area import join, pack_uses, piece_table
from paack.helpers.store.pack_proof import check_contents
from paack.helpers.store.rootfs import Rootfs, file_changes
from paack.helpers.store.store import LAYOUT
from paack.helpers.store.table import Table, differences, read_table, show
from paack.helpers.store.tar_store import write_store
from paack.helpers.store.tarsplit import StoredGzip
from paack.helpers.store.usage import LayerFiles, StoreContents, StoreUsage, read_store
from paack.helpers.store.verity import hash_tree

__all__ = [
    "LAYOUT",
    "ImageMaker",
    "Layer",
    "LayerFiles",
    "Pack",
    "Rootfs",
    "StoreContents",
    "StoreUsage",
    "StoredGzip",
    "Table",
    "check_contents",
    "check_size",
    "differences",
    "file_changes",
    "filesystems_of",
    "hash_tree",
    "image_maker",
    "join",
    "keep_pack",
    "libzstd_version",
    "look",
    "make_image",
    "open_pack",
    "pack_path",
    "pack_uses",
    "pack_weights",
    "packages_of",
    "piece_table",
    "read_image",
    "read_store",
    "read_table",
    "recorded",
    "show",
    "squashfs_store",
    "unread",
    "write_store",
]
