"""paack turns container images into RPMs: a read-only image store that is used in place."""
