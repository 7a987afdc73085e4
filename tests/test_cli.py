import csv
import subprocess
import sys

import pytest

from support_intent.cli import main

INBOX = 'Номер;Дата;Канал;Клиент;Сообщение\r\n1;01.02.2026;чат;И. П.;Где моя посылка?\r\n2;02.02.2026;почта;А. С.;"Верните\nденьги; списали дважды"\r\n3;;чат;;\r\n'  # noqa: E501
VERBS = ("classify", "explain", "train", "evaluate", "compare", "check", "info")


@pytest.fixture
def inbox(tmp_path):
    path = tmp_path / "inbox.csv"
    path.write_bytes(INBOX.encode("cp1251"))
    return path


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_classify_keeps_every_cell_and_appends(inbox, tmp_path, capsys):
    out = tmp_path / "routed.csv"
    code, stdout, stderr = run(capsys, "classify", inbox, "-o", out)
    assert (code, stdout) == (0, "")
    with out.open(encoding="cp1251", newline="") as file:
        rows = list(csv.reader(file, delimiter=";"))
    with inbox.open(encoding="cp1251", newline="") as file:
        assert [row[:5] for row in rows] == list(csv.reader(file, delimiter=";"))
    assert rows[0][5:] == [
        "topic", "intent", "confidence", "decision", "also", "channel", "contact", "tracking_number", "repair",
    ]  # fmt: skip
    assert [row[5] for row in rows[1:]] == ["tracking", "payment", "out-of-scope"]
    assert "encoding cp1251, delimiter ';', message column 'Сообщение' (5 of 5)" in stderr
    assert "Сообщений: 3" in stderr
    assert "На проверку человеку" in stderr


def test_classify_writes_rows_to_stdout_and_words_to_stderr(inbox):
    done = subprocess.run(
        [sys.executable, "-m", "support_intent", "classify", str(inbox)], capture_output=True, check=True
    )
    assert done.stdout.decode("cp1251").startswith("Номер;Дата;Канал;Клиент;Сообщение;topic;")
    assert "Сообщений: 3" in done.stderr.decode()


def test_broken_pipe_is_silent(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text("text\n" + "Где моя посылка из Китая\n" * 50_000, encoding="utf-8")
    command = f"{sys.executable} -m support_intent classify {path} 2>{tmp_path / 'words'} | head -n 2"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 2
    assert "Traceback" not in (tmp_path / "words").read_text()
    assert "Error" not in (tmp_path / "words").read_text()


def missing(tmp_path):
    return [tmp_path / "none.csv"], "found nothing at"


def empty(tmp_path):
    (tmp_path / "empty.csv").touch()
    return [tmp_path / "empty.csv"], "found an empty file"


def binary(tmp_path):
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 10)
    return [tmp_path / "picture.csv"], "found a PNG picture"


def directory(tmp_path):
    return [tmp_path], "found a directory"


def no_column(tmp_path):
    (tmp_path / "in.csv").write_bytes(INBOX.encode("cp1251"))
    return [tmp_path / "in.csv", "--column", "Сообщения"], "did you mean 'Сообщение'"


def unwritable(tmp_path):
    (tmp_path / "in.csv").write_bytes(INBOX.encode("cp1251"))
    return [tmp_path / "in.csv", "-o", tmp_path / "no" / "out.csv"], "make it first"


def onto_itself(tmp_path):
    (tmp_path / "in.csv").write_bytes(INBOX.encode("cp1251"))
    return [tmp_path / "in.csv", "-o", tmp_path / "in.csv"], "found the input itself"


def broken_model(tmp_path):
    (tmp_path / "in.csv").write_bytes(INBOX.encode("cp1251"))
    (tmp_path / "model.npz").write_bytes(b"PK\x03\x04 not a model")
    return [tmp_path / "in.csv", "--model", tmp_path / "model.npz"], "expected a model file"


@pytest.mark.parametrize("make", [missing, empty, binary, directory, no_column, unwritable, onto_itself, broken_model])
def test_bad_input_gets_one_line_and_leaves_nothing(tmp_path, capsys, make):
    arguments, words = make(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    if "-o" not in arguments:
        arguments += ["-o", tmp_path / "routed.csv"]
    code, _, stderr = run(capsys, "classify", *arguments)
    assert code == 1
    line = stderr.strip().splitlines()[-1]
    assert line.startswith("support-intent: expected")
    assert words in line
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_wrong_usage_is_two(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["classify"])
    assert stop.value.code == 2
    assert "the following arguments are required: FILE" in capsys.readouterr().err


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(capsys, verb):
    with pytest.raises(SystemExit) as stop:
        main([verb, "--help"])
    assert stop.value.code == 0
    assert f"example: support-intent {verb}" in capsys.readouterr().out


def test_explain_speaks_russian_and_names_the_words(capsys):
    code, stdout, _ = run(capsys, "explain", "где моя посылка RA123456785RU")
    assert code == 0
    for words in ("Тема: Отслеживание и получение (tracking)", "Намерение:", "Канал:", "RA123456785RU", "посылка"):
        assert words in stdout


def test_check_names_place_and_remedy(tmp_path, capsys):
    path = tmp_path / "bad.csv"
    path.write_text("text,intent\nГде посылка,where-is-itm\nа,tariff\n", encoding="utf-8")
    code, stdout, stderr = run(capsys, "check", path)
    assert code == 1
    assert "bad.csv:2: error: unknown-label: expected one of the 49 intents, found 'where-is-itm'" in stdout
    assert "2 messages" in stderr


def test_train_evaluate_compare_and_info(tmp_path, capsys, some_messages):
    path = tmp_path / "ours.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "intent"))
        writer.writerows(zip(some_messages.texts, some_messages.intents, strict=True))
    model = tmp_path / "ours.npz"
    assert run(capsys, "train", path, "-o", model)[0] == 0
    code, stdout, _ = run(capsys, "evaluate", path, "--model", model)
    assert code == 0
    assert "topic_macro_f1" in stdout
    assert "95 % interval" in stdout
    code, stdout, _ = run(capsys, "compare", model, model, path)
    assert code == 0
    assert "not told apart" in stdout
    code, stdout, _ = run(capsys, "info", "--model", model)
    assert code == 0
    assert "8-800-1-000-000" in stdout
    assert "5 topics, 49 intents" in stdout


def test_redacted_rows_hold_no_personal_data(tmp_path, capsys):
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    lines = (
        "id;text",
        "1;Меня зовут Анна Петрова, звоните 8 900 123-45-67",
        "2;где посылка 80102971234562",
        "3;сколько стоит письмо",
        "4;лишнее;8 900 123-45-67",
    )
    source.write_text("\n".join(lines), encoding="utf-8")
    assert run(capsys, "classify", source, "-o", out, "--redact")[0] == 0
    text = out.read_text(encoding="utf-8") + out.with_name("out.csv.rejected.csv").read_text(encoding="utf-8")
    for secret in ("Петрова", "123-45-67", "80102971234562"):
        assert secret not in text
    assert "[ИМЯ]" in text
    assert "где посылка [ТРЕК];tracking" in text
    assert "сколько стоит письмо;sending" in text


def test_prices_decide_who_answers(tmp_path, capsys, inbox):
    topics = ("sending", "tracking", "payment", "complaint", "out-of-scope")
    prices, out = tmp_path / "costs.csv", tmp_path / "routed.csv"
    rows = [f"{truth}," + ",".join("0" if truth == topic else "9" for topic in topics) + ",0" for truth in topics]
    prices.write_text("\n".join([f"truth,{','.join(topics)},person", *rows]), encoding="utf-8")
    assert run(capsys, "classify", inbox, "-o", out, "--costs", prices)[0] == 0
    with out.open(encoding="cp1251", newline="") as file:
        decisions = [row[8] for row in list(csv.reader(file, delimiter=";"))[1:]]
    assert decisions[:2] == ["review", "review"]


def test_redacted_with_a_key_a_file_can_be_restored(tmp_path, capsys):
    source, key = tmp_path / "in.csv", tmp_path / "secret.key"
    source.write_bytes('id;сообщение\r\n1;"меня зовут Анна; звоните\n8 900 123-45-67"\r\n'.encode("cp1251"))
    redacted, whole = tmp_path / "out.csv", tmp_path / "whole.csv"
    assert main(["classify", str(source), "-o", str(redacted), "--redact", "--key", str(key)]) == 0
    assert "Анна" not in redacted.read_text("cp1251")
    assert main(["classify", str(source), "-o", str(tmp_path / "again.csv"), "--redact", "--key", str(key)]) == 0
    assert (tmp_path / "again.csv").read_bytes() == redacted.read_bytes()
    assert main(["restore", str(redacted), "--key", str(key), "-o", str(whole)]) == 0
    assert "restored 1 rows" in capsys.readouterr().err
    first = whole.read_bytes().decode("cp1251").removesuffix("\r\n").split("\r\n")[1]
    assert first.startswith('1;"меня зовут Анна; звоните\n8 900 123-45-67";')
    assert main(["classify", str(source), "--key", str(key)]) == 1
    assert "expected a key only together with redaction" in capsys.readouterr().err
