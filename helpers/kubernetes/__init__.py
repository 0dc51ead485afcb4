"""Manifests and the images that they name."""

from paack.helpers.kubernetes.candidates import NEEDED, POSSIBLE, PROBABLE, UNFINDABLE
from paack.helpers.kubernetes.charts import chart_problems, render_charts
from paack.helpers.kubernetes.images import ImageUse, full_name, images_of, read_objects, title_of
from paack.helpers.kubernetes.kustomize import (
    Kustomization,
    kustomization_file,
    read_kustomization,
    render,
)
from paack.helpers.kubernetes.kustomize_paths import unapplied
from paack.helpers.kubernetes.manifests import Manifests, file_problem, read_manifests, tar_of
from paack.helpers.kubernetes.needs import (
    Need,
    Needs,
    ignored_by,
    manifest_files,
    needs_of,
    uses_in,
)
from paack.helpers.kubernetes.sources import Reading

__all__ = [
    "NEEDED",
    "POSSIBLE",
    "PROBABLE",
    "UNFINDABLE",
    "ImageUse",
    "Kustomization",
    "Manifests",
    "Need",
    "Needs",
    "Reading",
    "chart_problems",
    "file_problem",
    "full_name",
    "ignored_by",
    "images_of",
    "kustomization_file",
    "manifest_files",
    "needs_of",
    "read_kustomization",
    "read_manifests",
    "read_objects",
    "render",
    "render_charts",
    "tar_of",
    "title_of",
    "unapplied",
    "uses_in",
]
