"""paack check: what manifests need, and what is wrong before a device finds out."""
