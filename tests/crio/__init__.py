"""Tests with a real CRI-O, wherever one is installed."""
