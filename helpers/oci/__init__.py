"""Images as OCI and Docker schema 2 have them: references, manifests, configs, layouts."""
