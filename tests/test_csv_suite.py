"""csv-spectrum, the public suite of awkward CSVs; Debian has it as node-csv-spectrum (CI unpacks it, see .ci/run)."""

import json
import os
from pathlib import Path

import pytest

from support_intent import classify_file
from support_intent.messages import open_messages

SUITE = Path(os.environ.get("CSV_SPECTRUM", "/usr/share/nodejs/csv-spectrum"))
CASES = sorted(path.stem for path in SUITE.glob("csvs/*.csv"))
pytestmark = pytest.mark.skipif(not CASES, reason="csv-spectrum is not installed")


@pytest.mark.parametrize("name", CASES)
def test_every_file_is_read_as_the_suite_says(name, model, tmp_path):
    source = SUITE / "csvs" / f"{name}.csv"
    with open_messages(source, header=True, delimiter=",", column=1) as reader:
        rows = [row for chunk in reader.chunks(2) for row in chunk.rows]
    expected = json.loads((SUITE / "json" / f"{name}.json").read_text("utf-8"))
    assert [dict(zip(reader.header, row, strict=True)) for row in rows] == expected
    assert reader.rejected == []
    classify_file(source, tmp_path / "out.csv", model=model, header=True, delimiter=",", column=1)
    with open_messages(tmp_path / "out.csv", header=True, delimiter=",", column=1) as reader:
        again = [row for chunk in reader.chunks(2) for row in chunk.rows]
    assert [row[: len(rows[0])] for row in again] == rows
