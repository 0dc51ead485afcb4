"""The plan: which packages, specs and contents follow from a definition and its lock."""
