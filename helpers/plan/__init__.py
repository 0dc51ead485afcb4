"""The plan: which packages, specs and contents follow from a definition and its lock."""

from paack.helpers.plan.depth import deep_images
from paack.helpers.plan.inputs import identity_of, package_inputs, store_inputs
from paack.helpers.plan.plan import Plan, PlannedRpm, make_plan
from paack.helpers.plan.sbom_input import bill_input, images_bill_input

__all__ = [
    "Plan",
    "PlannedRpm",
    "bill_input",
    "deep_images",
    "identity_of",
    "images_bill_input",
    "make_plan",
    "package_inputs",
    "store_inputs",
]
