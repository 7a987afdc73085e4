"""A real Dask cluster: a scheduler and two worker processes, one of which is killed in the middle."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from support_intent import batch, classify_file, messages
from support_intent.batch import Options, classify_files
from support_intent.cli import main
from support_intent.errors import InputError


def started(kind, *options):
    """Start a part of a cluster; give the process and the first line in which it says that it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.dask_{kind}", *options, "--no-dashboard"],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    for line in process.stderr:
        if "Scheduler at:" in line or "Registered to:" in line:
            return process, line.split()[-1]
    raise AssertionError(f"the {kind} did not start")


@pytest.fixture(scope="module")
def cluster():
    scheduler, address = started("scheduler", "--port", "0", "--host", "127.0.0.1")
    workers = [started("worker", address, "--nthreads", "1", "--nworkers", "1", "--no-nanny")[0] for _ in range(2)]
    yield address, workers
    for process in (*workers, scheduler):
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.fixture
def folder(tmp_path, test_split, monkeypatch):
    """Two files of messages, one of them cut into many parts."""
    monkeypatch.setattr(batch, "PART_BYTES", 20_000)
    monkeypatch.setattr(messages, "_LINES_AT_ONCE", 64)
    (tmp_path / "in").mkdir()
    for name, n_times in (("large.csv", 6), ("small.csv", 1)):
        with (tmp_path / "in" / name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([["message"], *([text] for text in test_split.texts[:700] * n_times)])
    return tmp_path


def test_a_cluster_gives_the_bytes_of_one_machine_though_a_worker_dies(cluster, folder, model):
    address, workers = cluster
    names = ("large.csv", "small.csv")
    for name in names:
        classify_file(folder / "in" / name, folder / name, model=model, n_jobs=1)
    (folder / "out").mkdir()

    def kill(done, total):
        if 500 < done < total / 2:
            workers[0].kill()

    urls = [(f"file://{folder}/in/{name}", f"file://{folder}/out/{name}") for name in names]
    summaries = classify_files(urls, model=model, scheduler=address, on_progress=kill)
    assert workers[0].wait() != 0
    assert [summary.n_messages for summary in summaries] == [4_200, 700]
    for name in names:
        assert (folder / "out" / name).read_bytes() == (folder / name).read_bytes()
    assert sorted(path.name for path in (folder / "out").iterdir()) == list(names)


def test_the_command_line_takes_patterns_and_a_folder(cluster, folder, model, capsys):
    arguments = [
        "classify",
        f"{folder}/in/*.csv",
        "-o",
        f"{folder}/out/",
        "--engine",
        "dask",
        "--scheduler",
        cluster[0],
    ]
    assert main(arguments) == 0
    assert capsys.readouterr().err.count("Готово") == 2
    classify_file(folder / "in" / "small.csv", folder / "small.csv", model=model)
    assert Path(folder, "out", "small.csv").read_bytes() == Path(folder, "small.csv").read_bytes()


def test_a_cluster_that_is_not_there_is_said(folder, model):
    with pytest.raises(
        InputError, match=r"expected a Dask scheduler at tcp://127.0.0.1:9, found: .*; check the address"
    ):
        classify_files([(folder / "in" / "small.csv", folder / "out.csv")], model=model, scheduler="tcp://127.0.0.1:9")


def test_engine_and_scheduler_go_together(folder, capsys):
    assert main(["classify", f"{folder}/in/small.csv", "--engine", "dask"]) == 1
    assert "expected --engine dask and --scheduler together" in capsys.readouterr().err


def test_options_reach_the_workers(cluster, folder, model):
    source = folder / "in" / "phones.csv"
    source.write_text("message\nзвоните 8 900 123-45-67\n", encoding="utf-8")
    classify_files([(source, folder / "o.csv")], model=model, scheduler=cluster[0], options=Options(redacted=True))
    assert "звоните [ТЕЛЕФОН]" in (folder / "o.csv").read_text("utf-8")
