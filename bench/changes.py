"""What is built after something was built already: a changed layer, a second definition."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from bench.layers import Salted
from bench.workload import Workload

#: An image of a workload -> the number of its layer that changes: nginx, 2.4 MB, at 1x.
_CHANGED = {"web-0": 2, "small-0": 1}


@contextmanager
def changed_layer(workload: Workload) -> Iterator[None]:
    """Let the registry have another layer in the middle of one image, until the block ends."""
    (image, number), *_ = ((i, n) for i, n in _CHANGED.items() if i in workload.stacks)
    stack = list(workload.stacks[image])
    blob = workload.blobs.file(stack[number].digest)
    unpack = ["gunzip", "--stdout"]
    tar = subprocess.run(unpack, input=blob.read_bytes(), capture_output=True, check=True)
    stack[number] = workload.blobs.layer(Salted(tar.stdout).copy(1), fast=True)
    workload.blobs.image(image, stack)
    try:
        yield
    finally:
        workload.blobs.image(image, workload.stacks[image])


def halves(workload: Workload) -> tuple[Workload, Workload]:
    """Return two workloads on the same base, with the first and the other half of the images."""
    images = workload.images
    half = len(images) // 2
    first, second = (_only(workload, part) for part in (images[:half], images[half:]))
    return first, second


def own_share(first: Workload, second: Workload) -> float:
    """Return the part of the bytes of ``second`` that are in layers which ``first`` lacks."""
    there = {layer.digest for layer in first.layers}
    own = sum(layer.size for layer in second.layers if layer.digest not in there)
    return own / second.compressed


def _only(workload: Workload, images: list[str]) -> Workload:
    stacks = {image: workload.stacks[image] for image in images}
    layers = {layer.digest: layer for stack in stacks.values() for layer in stack}
    return replace(
        workload, packages=(tuple(images),), layers=tuple(layers.values()), stacks=stacks
    )
