"""Repositories: made, published, proved."""

from paack.helpers.repo.blueprint import Carried, Repository, write_blueprints
from paack.helpers.repo.carrier import TAG, choose, write_carrier
from paack.helpers.repo.publish import Settings, built_offers, publish
from paack.helpers.repo.publish_job import publish_job
from paack.helpers.repo.published import published_at
from paack.helpers.repo.repo import make_repo, repo_path
from paack.helpers.repo.site_rsync import site_of
from paack.helpers.repo.trust import trust_of
from paack.helpers.repo.verify import verify_repo
from paack.helpers.repo.web import is_url

__all__ = [
    "TAG",
    "Carried",
    "Repository",
    "Settings",
    "built_offers",
    "choose",
    "is_url",
    "make_repo",
    "publish",
    "publish_job",
    "published_at",
    "repo_path",
    "site_of",
    "trust_of",
    "verify_repo",
    "write_blueprints",
    "write_carrier",
]
