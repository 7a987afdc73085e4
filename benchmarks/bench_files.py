"""Files of any size: time and peak memory of `support-intent classify`, and where a cluster stops scaling.

    python benchmarks/bench_files.py [--rows 1000000 10000000] [--json FILE]

Rows are messages of our train and validation splits, drawn with a seed, in cp1251 with semicolons as Excel exports
them. Every run is a process of its own; its peak memory is that of the largest process, the parent or a worker.
"""

import argparse
import csv
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from support_intent import load_model
from support_intent.batch import PART_BYTES
from support_intent.messages import open_messages
from support_intent.parts import Task, classify_part

MESSAGES = Path(__file__).resolve().parents[1] / "datasets" / "messages"
_RUN = """
import resource, sys
from support_intent.cli import main
code = main(sys.argv[1:])
print(max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))
sys.exit(code)
"""


def make(path: Path, n_rows: int) -> None:
    texts = []
    for split in ("train", "validation"):
        with (MESSAGES / f"{split}.csv").open(encoding="utf-8", newline="") as file:
            texts += [row["text"] for row in csv.DictReader(file)]
    draw = random.Random(0)
    with path.open("w", encoding="cp1251", errors="ignore", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["№", "Дата", "Сообщение"])
        writer.writerows([i, "01.10.2026", draw.choice(texts)] for i in range(n_rows))


def classified(source: Path, jobs: int) -> dict[str, float]:
    target = source.with_name("out.csv")
    began = time.perf_counter()
    run = subprocess.run(
        [sys.executable, "-c", _RUN, "classify", str(source), "-o", str(target), "--jobs", str(jobs)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True,
    )  # fmt: skip
    seconds = time.perf_counter() - began
    target.unlink()
    return {"seconds": round(seconds, 1), "peak_mb": round(int(run.stdout.split()[-1]) / 1024)}


def shares(source: Path) -> dict[str, float]:
    """Measure what is done once, on the driver, and what is done part by part, on the workers."""
    began = time.perf_counter()
    with open_messages(source) as reader:
        parts, layout = list(reader.parts(PART_BYTES)), reader.layout
    planned = time.perf_counter() - began
    model, part = load_model(), parts[len(parts) // 2]
    target = str(source.with_name("part.csv"))
    task = Task(str(source), layout, part, layout.format, target, redacted=False, guard=False, key=None)
    classify_part(model, task)
    began = time.perf_counter()
    classify_part(model, task)
    worked = time.perf_counter() - began
    content = Path(target).read_bytes()
    began = time.perf_counter()
    with source.with_name("joined.csv").open("wb") as joined:
        for _ in parts:
            joined.write(content)
        joined.flush()
        os.fsync(joined.fileno())
    return {
        "parts": len(parts), "plan_seconds": round(planned, 2), "part_seconds": round(worked, 3),
        "join_seconds": round(time.perf_counter() - began, 2),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "runs": [],
    }
    for n_rows in arguments.rows:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "inbox.csv"
            make(source, n_rows)
            for jobs in (1, 2) if n_rows <= 1_000_000 else (2,):
                run = {
                    "rows": n_rows,
                    "megabytes": source.stat().st_size // 10**6,
                    "jobs": jobs,
                    **classified(source, jobs),
                }
                results["runs"].append(run)
                print(run, flush=True)
            share = shares(source)
            serial = share["plan_seconds"] + share["join_seconds"]
            share["speedup"] = {
                str(n): round((share["parts"] * share["part_seconds"] + serial)
                              / (-(-share["parts"] // n) * share["part_seconds"] + serial), 1)
                for n in (2, 10, 100)
            }  # fmt: skip
            results["cluster"] = {"rows": n_rows, **share}
            print(results["cluster"], flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
