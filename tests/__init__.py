"""Tests of paack."""
