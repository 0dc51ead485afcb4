"""RPMs: their specs, what builds them, what is in them, who signed them."""

from paack.helpers.rpm.device import (
    UNIT_DIRECTORY,
    DeviceFile,
    image_names,
    mount_point_of,
    shared_directory,
    unit_of,
)
from paack.helpers.rpm.device_program import program_name
from paack.helpers.rpm.evr import in_order
from paack.helpers.rpm.header import Header, check_is_rpm, read_headers
from paack.helpers.rpm.pack_table import pack_sources
from paack.helpers.rpm.part_name import (
    DIGITS,
    LAYERS_PREFIX,
    PACK_DIRECTORY,
    PACK_PREFIX,
    PROGRAM_PREFIX,
    RELEASE,
    VERSION,
    is_part_file,
    is_part_name,
    pack_file,
    pack_name,
    pack_rpm,
    required,
)
from paack.helpers.rpm.partial_store import KnownLayers, named_groups, own_layers, read_layers
from paack.helpers.rpm.payload import packed_files
from paack.helpers.rpm.query import has_right_digests, query
from paack.helpers.rpm.rpm import build_rpm, build_srpm, make_topdir, rpmbuild_version
from paack.helpers.rpm.rpm_file import RpmContents, RpmFacts, read_facts, unpack_contents
from paack.helpers.rpm.sbom_formats import FILES, MAKERS, BillInput, maker_of
from paack.helpers.rpm.sbom_reader import ListedPackage, read_bill
from paack.helpers.rpm.sign import (
    Keyring,
    Signer,
    UnknownKey,
    find_signer,
    key_name,
    keyring,
    public_key,
    sign_file,
    sign_rpm,
)
from paack.helpers.rpm.signature import check_rpm, key_database, signature_of
from paack.helpers.rpm.spdx import LAYOUT, Subject
from paack.helpers.rpm.spec import Contents, Spec, of_arch, render_spec
from paack.helpers.rpm.units import listed_units, read_unit_list, unit_files
from paack.helpers.rpm.unpacked import PROVIDED, UnpackedRpm, unpack
from paack.helpers.rpm.verity import verity_problems, verity_sources

__all__ = [
    "DIGITS",
    "FILES",
    "LAYERS_PREFIX",
    "LAYOUT",
    "MAKERS",
    "PACK_DIRECTORY",
    "PACK_PREFIX",
    "PROGRAM_PREFIX",
    "PROVIDED",
    "RELEASE",
    "UNIT_DIRECTORY",
    "VERSION",
    "BillInput",
    "Contents",
    "DeviceFile",
    "Header",
    "Keyring",
    "KnownLayers",
    "ListedPackage",
    "RpmContents",
    "RpmFacts",
    "Signer",
    "Spec",
    "Subject",
    "UnknownKey",
    "UnpackedRpm",
    "build_rpm",
    "build_srpm",
    "check_is_rpm",
    "check_rpm",
    "find_signer",
    "has_right_digests",
    "image_names",
    "in_order",
    "is_part_file",
    "is_part_name",
    "key_database",
    "key_name",
    "keyring",
    "listed_units",
    "make_topdir",
    "maker_of",
    "mount_point_of",
    "named_groups",
    "of_arch",
    "own_layers",
    "pack_file",
    "pack_name",
    "pack_rpm",
    "pack_sources",
    "packed_files",
    "program_name",
    "public_key",
    "query",
    "read_bill",
    "read_facts",
    "read_headers",
    "read_layers",
    "read_unit_list",
    "render_spec",
    "required",
    "rpmbuild_version",
    "shared_directory",
    "sign_file",
    "sign_rpm",
    "signature_of",
    "unit_files",
    "unit_of",
    "unpack",
    "unpack_contents",
    "verity_problems",
    "verity_sources",
]
