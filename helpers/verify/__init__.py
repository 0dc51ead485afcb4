"""Proving that RPMs hold what their locks name."""
