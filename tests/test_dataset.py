import pytest

from support_intent.dataset import load_dataset
from support_intent.errors import DatasetError
from support_intent.taxonomy import load_taxonomy


def written(tmp_path, content, encoding="utf-8"):
    path = tmp_path / "labelled.csv"
    path.write_bytes(content.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("text,intent\nГде посылка,where-is-item\n", "utf-8"),
        ("text,intent\nГде посылка,where-is-item\n", "utf-8-sig"),
        ("intent;text\r\nwhere-is-item;Где посылка\r\n", "cp1251"),
        ("Text\tIntent\nГде посылка\twhere-is-item", "utf-8"),
    ],
)
def test_files_as_excel_writes_them(tmp_path, content, encoding):
    dataset = load_dataset(written(tmp_path, content, encoding))
    assert dataset.texts == ("Где посылка",)
    assert dataset.intents == ("where-is-item",)
    assert dataset.writers == ("",)


def test_quoted_line_breaks_and_places(tmp_path):
    dataset = load_dataset(written(tmp_path, 'text,intent\n"два\nряда",delay\nтри,staff\n'))
    assert dataset.texts == ("два\nряда", "три")
    assert dataset.sources == ("labelled.csv:3", "labelled.csv:4")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "found an empty file"),
        ("text,label\na,b\n", "expected a column 'intent' in .*, found text, label; rename the column"),
        ("text,intent\na,b,c\n", "labelled.csv:2: expected 2 cells as in the header, found 3"),
        ("text,intent\n", "expected at least one labelled message, found none"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path, content, words):
    with pytest.raises(DatasetError, match=words):
        load_dataset(written(tmp_path, content))


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(DatasetError, match="check the path"):
        load_dataset(tmp_path / "none.csv")


def test_unknown_label_is_named_with_the_nearest(tmp_path):
    dataset = load_dataset(written(tmp_path, "text,intent\nа,delay\nб,where-is-itm\n"))
    with pytest.raises(
        DatasetError,
        match=r"labelled.csv:3: expected one of the 49 intents, found 'where-is-itm'; did you mean 'where-is-item'",
    ):
        dataset.intent_index(load_taxonomy())


def test_selection_and_joining_keep_order(tmp_path):
    dataset = load_dataset(written(tmp_path, "text,intent\nа,delay\nб,staff\nв,fraud\n"))
    assert dataset.select([2, 0]).texts == ("в", "а")
    assert (dataset + dataset.select([1])).intents == ("delay", "staff", "fraud", "staff")


def test_fingerprint_knows_the_data_not_the_file(tmp_path):
    one = load_dataset(written(tmp_path, "text,intent\nа,delay\n"))
    two = load_dataset(written(tmp_path, "intent;text\ndelay;а\n", "cp1251"))
    other = load_dataset(written(tmp_path, "text,intent\nа,staff\n"))
    assert one.fingerprint == two.fingerprint != other.fingerprint
