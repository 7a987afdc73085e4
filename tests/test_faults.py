"""Runs that are killed, starved of disk and tampered with: the result is that of one clean run, or a clear error."""

import csv
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from support_intent import batch, classify_file, messages
from support_intent.errors import InputError, OutputError

RUN = """
import sys
from support_intent import batch, messages
batch.PART_BYTES, messages._LINES_AT_ONCE = 20_000, 64
source, target, jobs = sys.argv[1:]
batch.classify_file(source, target, resume=True, n_jobs=int(jobs))
"""


@pytest.fixture(scope="module")
def inbox(tmp_path_factory, test_split):
    """Messages of all kinds, with line breaks in cells, and rows that are none."""
    path = tmp_path_factory.mktemp("faults") / "inbox.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "message"])
        for number, text in enumerate(test_split.texts[:700] * 12):
            writer.writerow([number, text])
            if number % 1_000 == 999:
                writer.writerow([number, "слишком", "много", "ячеек"])
    return path


@pytest.fixture(scope="module")
def clean(inbox, model):
    target = inbox.with_name("clean.csv")
    classify_file(inbox, target, model=model, n_jobs=1)
    return target.read_bytes(), Path(f"{target}.rejected.csv").read_bytes()


@pytest.mark.parametrize("jobs", [1, 2])
def test_killed_at_any_moment_a_run_goes_on_to_the_same_bytes(inbox, clean, tmp_path, jobs):
    target = tmp_path / "out.csv"
    command = [sys.executable, "-c", RUN, str(inbox), str(target), str(jobs)]
    for wanted in sorted(random.Random(jobs).sample(range(1, 50), 6 // jobs)):
        process = subprocess.Popen(command)
        while process.poll() is None and len(list(tmp_path.glob("out.csv.unfinished/part-*.json"))) < wanted:
            pass
        process.kill()  # at whatever it does at this moment
        process.wait()
        assert not target.exists()
        assert len(list(tmp_path.glob("out.csv.unfinished/part-*.json"))) >= wanted
    subprocess.run(command, check=True)
    assert target.read_bytes() == clean[0]
    assert Path(f"{target}.rejected.csv").read_bytes() == clean[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "out.csv.rejected.csv"]


def cut_small(monkeypatch):
    """Make parts as small as RUN does, so that a short file has many."""
    monkeypatch.setattr(batch, "PART_BYTES", 20_000)
    monkeypatch.setattr(messages, "_LINES_AT_ONCE", 64)


@pytest.fixture
def small_disk(tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", place], capture_output=True).returncode:
        pytest.skip("mounting a small disk takes root")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_is_said_and_gone_on_from(inbox, clean, small_disk, model, monkeypatch):
    cut_small(monkeypatch)
    target = small_disk / "out.csv"
    with pytest.raises(OutputError, match="No space left on device; make room and continue with --resume"):
        classify_file(inbox, target, model=model, n_jobs=1)
    assert not target.exists()
    done = len(list(small_disk.glob("out.csv.unfinished/part-*.json")))
    assert done > 5
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    classify_file(inbox, target, model=model, resume=True, n_jobs=1)
    assert target.read_bytes() == clean[0]


def stopped(inbox, target, model, monkeypatch):
    """Stop a run after some of its parts."""
    cut_small(monkeypatch)

    def stop(done, total):
        if done > 1_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        classify_file(inbox, target, model=model, n_jobs=1, on_progress=stop)


def test_what_is_done_is_not_done_again(inbox, clean, tmp_path, model, monkeypatch):
    target = tmp_path / "out.csv"
    stopped(inbox, target, model, monkeypatch)
    seen = []
    classify_file(inbox, target, model=model, n_jobs=1, resume=True, on_progress=lambda done, total: seen.append(done))
    assert seen[0] > 1_000
    assert target.read_bytes() == clean[0]
    assert not Path(f"{target}.unfinished").exists()


def test_a_part_whose_rows_are_missing_is_done_again(inbox, clean, tmp_path, model, monkeypatch):
    target = tmp_path / "out.csv"
    stopped(inbox, target, model, monkeypatch)
    min(Path(f"{target}.unfinished").glob("part-*.csv")).unlink()
    classify_file(inbox, target, model=model, n_jobs=1, resume=True)
    assert target.read_bytes() == clean[0]


def test_an_unfinished_result_is_never_thrown_away_unasked(inbox, tmp_path, model, monkeypatch):
    target = tmp_path / "out.csv"
    stopped(inbox, target, model, monkeypatch)
    kept = sorted(Path(f"{target}.unfinished").iterdir())
    with pytest.raises(
        InputError, match=r"expected no unfinished result of .*out.csv, found one in .*; continue it with"
    ):
        classify_file(inbox, target, model=model)
    assert sorted(Path(f"{target}.unfinished").iterdir()) == kept


@pytest.mark.parametrize("changed", ["input", "model", "options"])
def test_a_run_goes_on_only_with_what_it_was_begun_with(inbox, tmp_path, model, monkeypatch, changed):
    target, source = tmp_path / "out.csv", tmp_path / "in.csv"
    source.write_bytes(inbox.read_bytes())
    stopped(source, target, model, monkeypatch)
    options = {}
    if changed == "input":
        source.write_bytes(inbox.read_bytes().replace(b"\n7,", b"\n8,", 1))
    elif changed == "model":
        model = model.with_review_threshold(0.1)
    else:
        options["redacted"] = True
    with pytest.raises(InputError, match=rf"expected to go on with the run .*, found another {changed}; give what"):
        classify_file(source, target, model=model, resume=True, **options)
    assert Path(f"{target}.unfinished", "journal.json").exists()


def test_an_input_that_is_gone_for_a_while_costs_nothing(inbox, clean, tmp_path, model, monkeypatch):
    target, source = tmp_path / "out.csv", tmp_path / "in.csv"
    source.write_bytes(inbox.read_bytes())
    stopped(source, target, model, monkeypatch)
    source.rename(tmp_path / "away.csv")
    with pytest.raises(InputError, match="found nothing at"):
        classify_file(source, target, model=model, resume=True)
    (tmp_path / "away.csv").rename(source)
    seen = []
    classify_file(source, target, model=model, n_jobs=1, resume=True, on_progress=lambda done, total: seen.append(done))
    assert seen[0] > 1_000
    assert target.read_bytes() == clean[0]


def test_resume_without_a_stopped_run_is_a_run(tmp_path, model):
    source = tmp_path / "in.csv"
    source.write_text("message\nГде посылка\n", encoding="utf-8")
    assert classify_file(source, tmp_path / "out.csv", model=model, resume=True).n_messages == 1


def test_the_journal_holds_no_message_text(inbox, tmp_path, model, monkeypatch):
    target = tmp_path / "out.csv"
    stopped(inbox, target, model, monkeypatch)
    journal = json.loads(Path(f"{target}.unfinished", "journal.json").read_text())
    assert set(journal) == {"version", "input", "model", "options"}
    assert all(len(journal[name]) == 64 for name in ("input", "model", "options"))


def test_an_error_in_the_input_leaves_nothing_behind(tmp_path, model):
    source = tmp_path / "in.csv"
    source.write_bytes("message\nГде\n".encode() + b"\xff" * 10)
    with pytest.raises(InputError):
        classify_file(source, tmp_path / "out.csv", model=model, encoding="utf-8")
    assert list(tmp_path.iterdir()) == [source]


def test_a_folder_that_cannot_be_written_is_said(tmp_path, model):
    if os.geteuid() == 0:
        place = Path("/proc/out.csv")  # where not even root may write
    else:
        (tmp_path / "sealed").mkdir(mode=0o500)
        place = tmp_path / "sealed" / "out.csv"
    source = tmp_path / "in.csv"
    source.write_text("message\nГде посылка\n", encoding="utf-8")
    with pytest.raises(OutputError, match=r"expected to read .* and to write .*out.csv.unfinished, found: .*"):
        classify_file(source, place, model=model)
