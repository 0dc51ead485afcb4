"""The benchmark: paack beside what people would do otherwise, in one run. See docs/bench.md."""
