"""make bench: run all variants side by side, and write JSON, Markdown and a plot."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from bench import check, older, report
from bench.run import Benchmark, Plan


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("_output"))
    parser.add_argument("--scale", default="1,4,16", help="copies of the workload, or tiny")
    parser.add_argument("--repeat", type=int, default=3, help="rounds of all variants")
    parser.add_argument("--files", default="10000,100000", help="sizes of the many-files images")
    parser.add_argument("--ways", choices=("all", "paack"), default="all", help="paack: no others")
    options = parser.parse_args()
    tiny, others = options.scale == "tiny", options.ways == "all"
    home = options.output.resolve() / "bench"
    work = home / "work"
    shutil.rmtree(work, ignore_errors=True)
    plan = Plan(
        [1, 2] if tiny else _numbers(options.scale),
        _numbers(options.files),
        options.repeat,
        tiny=tiny,
        others=others,
        older=older.checkout(work / "older") if others else None,
    )
    benchmark = Benchmark(home, plan)
    try:
        benchmark.run()
        benchmark.results.checks += check.rows((), plan.older, plan.repeat)
    finally:
        report.write(home, benchmark.results)
        shutil.rmtree(work, ignore_errors=True)
    print((home / "bench.md").read_text("utf-8"), end="")


def _numbers(text: str) -> list[int]:
    return [int(word) for word in text.replace(",", " ").split()]


if __name__ == "__main__":
    main()
