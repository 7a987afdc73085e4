"""Files of any size: time and peak memory of `support-intent classify`, and where a cluster stops scaling.

    python benchmarks/bench_files.py [--rows 1000000 10000000] [--json FILE]

Rows are messages of our train and validation splits, drawn with a seed, in cp1251 with semicolons as Excel exports
them. Memory is the peak of all processes of a run together, as Linux counts it (proportional set size).
"""

import argparse
import csv
import json
import os
import platform
import random
import re
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
    began, peak = time.perf_counter(), 0
    run = subprocess.Popen(
        [sys.executable, "-m", "support_intent", "classify", str(source), "-o", str(target), "--jobs", str(jobs)],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while run.poll() is None:
        peak = max(peak, sum(map(memory, family(run.pid))))
        time.sleep(0.2)
    if run.returncode:
        sys.exit(f"classify ended with {run.returncode}")
    seconds = time.perf_counter() - began
    target.unlink()
    return {"seconds": round(seconds, 1), "peak_mb": round(peak / 1024)}


def family(pid: int) -> list[int]:
    """A process and all that it started."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        children = []
    return [pid, *(member for child in children for member in family(int(child)))]


def memory(pid: int) -> int:
    """Proportional set size in kB: what is shared is counted once, over all that share it."""
    try:
        return int(re.search(r"^Pss: +(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)[1])
    except (OSError, TypeError):  # it has ended, or is about to
        return 0


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
