from dataclasses import replace
from html.parser import HTMLParser

import pytest

from support_intent import evaluate
from support_intent.cli import main
from support_intent.report import evaluation_report

VOID = {"meta", "circle", "polyline"}


class Page(HTMLParser):
    """Collects the text of a page and proves that its tags close in order."""

    def __init__(self, page):
        super().__init__()
        self.open, self.words, self.tags = [], [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def dataset(test_split):
    some = test_split.select(range(0, len(test_split), 3))
    wrong = tuple("jobs" if intent == "tariff" else intent for intent in some.intents)
    hostile = (some.texts[0] + " <script>alert('&')</script>", *some.texts[1:])
    return replace(some, texts=hostile, intents=wrong, topics=("",) * len(some))


@pytest.fixture(scope="module")
def page(model, dataset):
    return evaluation_report(model, dataset, evaluate(model, dataset, n_resamples=20), "A & B")


def test_the_page_is_whole_and_asks_for_nothing(page):
    read = Page(page)
    names = {tag for tag, _ in read.tags}
    assert {"table", "svg", "blockquote"} <= names
    assert not names & {"script", "link", "img", "iframe"}
    assert "A & B" in read.words


def test_a_planted_error_is_found_and_doubted(page, dataset):
    text = " ".join(Page(page).words)
    assert "jobs taken for tariff" in text
    assert "sure of it: is the label right?" in text
    assert "and still mean it" in text
    assert any(source in text for source in dataset.sources)


def test_the_curve_marks_what_is_decided_automatically(page, model, dataset):
    share = evaluate(model, dataset, n_resamples=1)["coverage"].value
    assert f"{share:.1%} of the messages are decided automatically" in " ".join(Page(page).words)


def test_the_command_writes_it(tmp_path, capsys):
    small = tmp_path / "small.csv"
    small.write_text("\n".join(["text,intent", "где посылка,where-is-item", "сколько стоит письмо,tariff"]), "utf-8")
    out = tmp_path / "out.html"
    assert main(["evaluate", str(small), "--report", str(out)]) == 0
    assert "Evaluation on small.csv" in out.read_text(encoding="utf-8")
    assert main(["evaluate", str(small), "--report", str(tmp_path / "no" / "out.html")]) == 1
    assert "expected to write the report to" in capsys.readouterr().err
