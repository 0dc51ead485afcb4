"""All tasks, by the names that ``invoke --list`` shows."""

from __future__ import annotations

from invoke.collection import Collection

from paack.commands.building import build, demo, lock, schema, srpm
from paack.commands.cleaning import cache_prune, clean
from paack.commands.farm import copr
from paack.commands.microshift import (
    microshift_build,
    microshift_check,
    microshift_import,
    microshift_lock,
    microshift_repo,
)
from paack.commands.os_images import blueprint, carrier
from paack.commands.proof import check, diff, report, sbom, verify
from paack.commands.publishing import publish, publish_job, repo_build, repo_verify

microshift_tasks = Collection("microshift")
microshift_tasks.add_task(microshift_build, name="build", default=True)
microshift_tasks.add_task(microshift_lock, name="lock")
microshift_tasks.add_task(microshift_check, name="check")
microshift_tasks.add_task(microshift_import, name="import")
microshift_tasks.add_task(microshift_repo, name="repo")
repo_tasks = Collection("repo")
repo_tasks.add_task(repo_build, name="build", default=True)
repo_tasks.add_task(repo_verify, name="verify")
cache_tasks = Collection("cache")
cache_tasks.add_task(cache_prune, name="prune", default=True)
ns = Collection(
    lock,
    check,
    srpm,
    build,
    copr,
    verify,
    diff,
    report,
    sbom,
    demo,
    schema,
    microshift_tasks,
    repo_tasks,
    publish,
    publish_job,
    carrier,
    blueprint,
    clean,
    cache_tasks,
)
