import csv
import io
from pathlib import Path

import pytest

from support_intent import classify_file
from support_intent.batch import COLUMNS, rejected_path
from support_intent.cli import main
from support_intent.errors import InputError


def read(path, encoding="utf-8", delimiter=","):
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.reader(file, delimiter=delimiter))


def test_columns_say_what_analyze_says(model, test_split, tmp_path):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    with source.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["text"], *([text] for text in test_split.texts[:300])])
    summary = classify_file(source, target, model=model)
    assert summary.n_messages == 300
    assert sum(summary.topics.values()) == 300
    header, *rows = read(target, delimiter=";" if ";" in target.read_text(encoding="utf-8").splitlines()[0] else ",")
    assert header == ["text", *COLUMNS]
    for row, analysis in zip(rows, model.analyze(test_split.texts[:300]), strict=True):
        told = dict(zip(header, row, strict=True))
        assert (told["topic"], told["intent"], told["decision"]) == (analysis.topic, analysis.intent, analysis.decision)
        assert float(told["confidence"]) == pytest.approx(analysis.confidence, abs=6e-5)
        assert told["also"] == "|".join(analysis.also)
        assert (told["channel"], told["contact"]) == (analysis.route.channel.id, analysis.route.contact)
        assert (told["tracking_number"], told["repair"]) == (analysis.tracking_number, analysis.repair)
    assert summary.review_share == pytest.approx(sum(row[4] == "review" for row in rows) / 300)


def test_names_that_the_file_has_are_kept(model, tmp_path):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("message,topic\nГде посылка,мой\n", encoding="utf-8")
    classify_file(source, target, model=model)
    header, row = read(target)
    assert header[:3] == ["message", "topic", "topic_predicted"]
    assert row[:2] == ["Где посылка", "мой"]


def test_rows_that_are_none_go_to_the_side_file(model, tmp_path):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("id,message\n1,Где посылка\n2,а,б,в\n3,Сколько стоит\n", encoding="utf-8")
    summary = classify_file(source, target, model=model)
    assert [row[0] for row in read(target)[1:]] == ["1", "3"]
    assert len(summary.rejected) == 1
    header, (line, reason, text) = read(Path(rejected_path(target)))
    assert header == ["line", "reason", "text"]
    assert (line, text.strip()) == ("3", "2,а,б,в")
    assert "4 cells" in reason


def test_a_stream_can_be_the_target(model, tmp_path):
    source = tmp_path / "in.csv"
    source.write_text("message\nГде посылка\n", encoding="utf-8")
    stream = io.BytesIO()
    classify_file(source, stream, model=model)
    assert "where-is-item" in stream.getvalue().decode()


def test_progress_counts_rows(model, tmp_path):
    source = tmp_path / "in.csv"
    source.write_text("message\n" + "Где посылка\n" * 9_000, encoding="utf-8")
    seen = []
    summary = classify_file(source, tmp_path / "out.csv", model=model, on_progress=lambda *shown: seen.append(shown))
    assert seen == sorted(seen)
    assert seen[-1] == (summary.n_messages, 9_000) == (9_000, 9_000)


def test_an_unknown_option_value_is_an_input_error(model, tmp_path):
    source = tmp_path / "in.csv"
    source.write_text("message\nГде посылка\n", encoding="utf-8")
    with pytest.raises(InputError, match="expected one character as the delimiter"):
        classify_file(source, tmp_path / "out.csv", model=model, delimiter=";;")
    with pytest.raises(InputError, match="expected the name of an encoding"):
        classify_file(source, tmp_path / "out.csv", model=model, encoding="klingon")
    assert list(tmp_path.iterdir()) == [source]


def test_excel_gets_a_file_that_it_opens_right(model, tmp_path):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text('id,message\n012,"Где, посылка"\n', encoding="koi8-r")
    classify_file(source, target, model=model, excel=True)
    raw = target.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfid;message;topic;")
    assert raw.decode("utf-8-sig").split("\r\n")[1].startswith("012;Где, посылка;tracking;")


def test_guarding_reaches_the_cells_of_the_file(model, tmp_path):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("id,message\n=1+1,@где посылка\n-5,да\n", encoding="utf-8")
    classify_file(source, target, model=model, guard=True)
    assert [row[:2] for row in read(target)[1:]] == [["'=1+1", "'@где посылка"], ["-5", "да"]]
    classify_file(source, target, model=model)
    assert [row[:2] for row in read(target)[1:]] == [["=1+1", "@где посылка"], ["-5", "да"]]


def test_null_bytes_and_mixed_line_ends_are_kept(model, tmp_path):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes("id;message\r\n1;где\0 посылка\n2;да\r3;нет\r\n".encode())
    summary = classify_file(source, target, model=model)
    rows = read(target, delimiter=";")
    assert [row[:2] for row in rows[1:]] == [["1", "где\0 посылка"], ["2", "да"], ["3", "нет"]]
    assert summary.rejected == ()


def test_several_processes_give_the_same_bytes(model, test_split, tmp_path, monkeypatch):
    monkeypatch.setattr("support_intent.batch.PART_BYTES", 50_000)
    monkeypatch.setattr("support_intent.messages._LINES_AT_ONCE", 100)
    source = tmp_path / "in.csv"
    with source.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["message"], *([text] for text in test_split.texts)])
    for jobs in (1, 2):
        classify_file(source, tmp_path / f"{jobs}.csv", model=model, n_jobs=jobs)
    assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "2.csv").read_bytes()


def test_several_files_go_into_a_folder(tmp_path, capsys):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("message\nГде посылка\n", encoding="utf-8")
    assert main(["classify", f"{tmp_path}/*.csv", "-o", f"{tmp_path}/out/"]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.csv", "b.csv"]
    assert main(["classify", f"{tmp_path}/*.csv"]) == 1
    assert "expected a folder for 2 files, found no output; name one with -o" in capsys.readouterr().err
    assert main(["classify", f"{tmp_path}/a.csv", f"{tmp_path}/out/a.csv", "-o", f"{tmp_path}/out"]) == 1
    assert "expected files of different names for the folder" in capsys.readouterr().err
    assert main(["classify", f"{tmp_path}/none*.csv"]) == 1
    assert "expected files that match" in capsys.readouterr().err
