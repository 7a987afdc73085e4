import io
import json
import pickle
import zipfile

import numpy as np
import pytest

from support_intent import load_model, save_model
from support_intent.errors import ModelFileError, OutputError


@pytest.fixture(scope="module")
def saved(small_classifier, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "small.npz"
    save_model(small_classifier.model_, path)
    return path


def test_what_is_read_is_what_was_written(saved, small_classifier, some_messages):
    read = load_model(saved)
    assert np.array_equal(
        read.predict_proba(some_messages.texts), small_classifier.model_.predict_proba(some_messages.texts)
    )
    assert read.calibration == small_classifier.model_.calibration
    assert read.taxonomy == small_classifier.model_.taxonomy
    assert read.metadata == small_classifier.model_.metadata


def test_same_model_same_bytes(saved, tmp_path):
    again = tmp_path / "again.npz"
    save_model(load_model(saved), again)
    assert again.read_bytes() == saved.read_bytes()


def rewritten(saved, tmp_path, change):
    """A copy of the model file whose arrays went through `change`."""
    with np.load(saved) as archive:
        arrays = dict(archive)
    change(arrays)
    path = tmp_path / "changed.npz"
    np.savez_compressed(path, **arrays)
    return path


def edit_document(**changes):
    def change(arrays):
        document = json.loads(arrays["document"].tobytes())
        document.update(changes)
        arrays["document"] = np.frombuffer(json.dumps(document).encode(), np.uint8)

    return change


def flip_weight(arrays):
    arrays["features"] = arrays["features"].copy()
    arrays["features"][0, 0] ^= 1


def drop_array(arrays):
    del arrays["pairs"]


def retype(arrays):
    arrays["intercept"] = arrays["intercept"].astype(np.float64)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (edit_document(format_version=99), "expected format version 4 in .*, found 99; train the model anew"),
        (flip_weight, "its hash differs"),
        (edit_document(unknown_idf=0.5), "its hash differs"),
        (drop_array, "found a difference in pairs"),
        (retype, "expected intercept as float32 of shape .* found float64"),
    ],
)
def test_a_changed_file_is_refused_in_words(saved, tmp_path, change, words):
    with pytest.raises(ModelFileError, match=words):
        load_model(rewritten(saved, tmp_path, change))


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_cut_off_file_is_refused(saved, tmp_path, share):
    path = tmp_path / "cut.npz"
    content = saved.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ModelFileError, match="expected"):
        load_model(path)


def test_a_header_that_does_not_parse_is_refused(tmp_path):
    header = b"{'descr': '<f4', 'shape': (1,\n"
    path = tmp_path / "damaged.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("intercept.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(ModelFileError, match=r"expected plain arrays in .*damaged.npz, found something else"):
        load_model(path)


def test_any_flipped_bit_is_noticed_or_harmless(saved, tmp_path, some_messages):
    content = saved.read_bytes()
    expected = load_model(saved).predict_proba(some_messages.texts[:20])
    path = tmp_path / "flipped.npz"
    for position in np.random.default_rng(0).integers(0, len(content), 40):
        damaged = bytearray(content)
        damaged[position] ^= 0x10
        path.write_bytes(bytes(damaged))
        try:
            model = load_model(path)
        except ModelFileError:
            continue
        assert np.array_equal(model.predict_proba(some_messages.texts[:20]), expected)


class Exploit:
    def __reduce__(self):
        return (print, ("this must never run",))


@pytest.mark.parametrize("kind", ["pickle", "object array in npz", "npy"])
def test_nothing_is_unpickled(tmp_path, capsys, kind):
    path = tmp_path / "evil.npz"
    if kind == "pickle":
        path.write_bytes(pickle.dumps(Exploit()))
    elif kind == "npy":
        np.save(path.with_suffix(".npy"), np.zeros(3))
        path = path.with_suffix(".npy")
    else:
        buffer = io.BytesIO()
        np.savez(buffer, document=np.array([Exploit()], dtype=object))
        path.write_bytes(buffer.getvalue())
    with pytest.raises(ModelFileError, match="expected"):
        load_model(path)
    assert "never" not in capsys.readouterr().out


def test_foreign_files_are_named(tmp_path):
    np.savez(tmp_path / "foreign.npz", weights=np.zeros(3))
    with pytest.raises(ModelFileError, match="found an archive of something else"):
        load_model(tmp_path / "foreign.npz")
    with pytest.raises(ModelFileError, match="found nothing there"):
        load_model(tmp_path / "missing.npz")
    with pytest.raises(ModelFileError, match="found a directory"):
        load_model(tmp_path)


def test_an_unwritable_place_is_named_and_nothing_is_left(small_classifier, tmp_path):
    with pytest.raises(OutputError, match="choose a folder that exists"):
        save_model(small_classifier.model_, tmp_path / "no" / "such" / "model.npz")
    (tmp_path / "taken").mkdir()
    with pytest.raises(OutputError, match="expected to write the model"):
        save_model(small_classifier.model_, tmp_path / "taken")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
