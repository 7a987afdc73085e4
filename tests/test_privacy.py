"""Personal data planted everywhere, and looked for in all that a run and a training leave behind."""

import csv
import re
import subprocess
import sys

import pytest

from support_intent import IntentClassifier, load_model, save_model
from support_intent.batch import classify_file
from support_intent.dataset import load_dataset
from support_intent.dialect import FileFormat
from support_intent.errors import SupportIntentError
from support_intent.evaluation import evaluate
from support_intent.output import RowEncoder
from support_intent.report import evaluation_report
from support_intent.training import train_model

SURNAME = "Хрюкомыльцева"
PLANTED = [
    f"меня зовут {SURNAME} Аграфена Евлампиевна, где моя посылка",
    "звоните 8 917 555-43-21, верните деньги за посылку",
    "пишите на grusha.hr@mail.ru, сколько стоит письмо",
    "паспорт 4504 918273, как получить посылку",
    "карта 4276 3800 1234 5679, списали два раза",
    "снилс 112-233-445 95, где пенсия",
    "живу на улице Кривоколенной дом 17 кв 93, почтальон не ходит",
]
SECRETS = re.compile(
    r"хрюкомыльцев|аграфен|евлампи|555-?43-?21|9175554321|grusha|918273|1234 ?5679|112-?233-?445|кривоколенн",
    re.IGNORECASE,
)  # fmt: skip


@pytest.fixture(scope="module")
def planted(tmp_path_factory, some_messages):
    """Labelled messages with personal data in a tenth of them, each datum in two."""
    path = tmp_path_factory.mktemp("planted") / "labelled.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "intent"])
        for number, (text, intent) in enumerate(zip(some_messages.texts, some_messages.intents, strict=True)):
            writer.writerow([f"{PLANTED[number // 30]} {text}" if number % 30 < 2 and number < 210 else text, intent])
    assert SECRETS.search(path.read_text("utf-8"))
    return path


def found_in(*files):
    return [file.name for file in files if SECRETS.search(file.read_bytes().decode("utf-8", "ignore"))]


def test_a_model_file_tells_of_nobody(planted, tmp_path):
    dataset = load_dataset(planted)
    model = IntentClassifier(n_folds=2).fit(dataset.texts, dataset.intents).model_
    save_model(model, tmp_path / "model.npz")
    kept = load_model(tmp_path / "model.npz")
    words = [*kept.vocabulary.lemmas, *kept.vocabulary.spellings]
    assert [word for word in words if SECRETS.search(word)] == []
    assert not SECRETS.search(repr(kept.metadata))
    assert train_model(dataset).vocabulary.lemmas == kept.vocabulary.lemmas


def test_a_report_tells_of_nobody(planted, model):
    dataset = load_dataset(planted)
    page = evaluation_report(model, dataset, evaluate(model, dataset, n_resamples=10), "planted")
    assert len(page) > 1_000
    assert not SECRETS.search(page)


def test_words_and_the_journal_of_a_run_tell_of_nobody(planted, model, tmp_path):
    command = [
        sys.executable,
        "-m",
        "support_intent",
        "classify",
        str(planted),
        "-o",
        str(tmp_path / "out.csv"),
        "--redact",
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not SECRETS.search(run.stdout + run.stderr)

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        classify_file(planted, tmp_path / "stopped.csv", model=model, on_progress=stop)
    journal = tmp_path / "stopped.csv.unfinished" / "journal.json"
    assert found_in(journal, tmp_path / "out.csv") == []


@pytest.mark.parametrize(
    "content",
    [
        f"message\n{PLANTED[0]}\n".encode() + b"\xff\xfe\n",
        f'message\n"{PLANTED[1]}\n'.encode(),
        f"message;other\n{PLANTED[2]};→\n".encode("utf-16"),
        ("\n".join([*PLANTED, "\x00" * 400])).encode("utf-16-le")[:-1],
        f"a,b\n{PLANTED[3]}\n{PLANTED[4]},1,2,3\n".encode(),
    ],
)
def test_errors_tell_of_nobody(content, model, tmp_path):
    source = tmp_path / "in.csv"
    source.write_bytes(content)
    for options in ({}, {"encoding": "cp1251"}, {"column": "нет такой"}, {"column": 2}, {"delimiter": "|"}):
        try:
            classify_file(source, tmp_path / "out.csv", model=model, **options)
        except SupportIntentError as error:
            assert not SECRETS.search(str(error)), options


def test_a_value_that_cannot_be_written_is_not_quoted():
    encoder = RowEncoder(FileFormat("cp1251", False, ";", '"', "\n", True), ["сообщение"], [])
    with pytest.raises(SupportIntentError, match="found '→' in column 'сообщение'") as caught:
        encoder.encode([[f"{PLANTED[0]} →"]], [])
    assert not SECRETS.search(str(caught.value))
