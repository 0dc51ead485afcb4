"""Unit tests: one module per module of helpers, compared with tools and texts of others."""
