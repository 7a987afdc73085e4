"""Writing and reading model files: one inert ``.npz`` of plain arrays and a JSON document."""

from __future__ import annotations

import hashlib
import json
import os
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from support_intent.also import SecondTopic
from support_intent.calibration import Calibration
from support_intent.errors import ModelFileError, OutputError
from support_intent.features import FeatureOptions, Vocabulary
from support_intent.model import IntentModel
from support_intent.resources import resource_path
from support_intent.routing import Router
from support_intent.rows import Weights
from support_intent.taxonomy import Taxonomy

FORMAT_VERSION = 4
"""Version of the layout of model files that this package writes and reads."""

_DOCUMENT, _HASH = "document", "hash"
_STORED = ("form_hashes", _HASH)  # hashes do not shrink, and so are not worth the unpacking
_SMOKE_TOLERANCE = 1e-3  # machines round sums differently; a damaged model is off by far more
_SMOKE_MESSAGES = (
    "Где моя посылка, отправили две недели назад?",
    "сколько стоит отправить бандероль в Омск",
    "Верните деньги, списали два раза!",
    "Оператор нахамила, хочу пожаловаться",
    "привет",
)
# name → (dtype, shape in the sizes that the document states)
_LAYOUT: dict[str, tuple[str, tuple[str, ...]]] = {
    "lemma_idf": ("float32", ("lemmas",)),
    "form_hashes": ("uint64", ("forms",)),
    "form_lemmas": ("int32", ("forms",)),
    "ngram_keys": ("uint64", ("ngrams",)),
    "pair_keys": ("uint64", ("pairs",)),
    "pair_idf": ("float32", ("pairs",)),
    "place_keys": ("uint64", ("placed",)),
    "class_bounds": ("int32", ("class_bounds",)),
    "class_columns": ("int32", ("memberships",)),
    "features": ("int8", ("features", "intents")),
    "feature_steps": ("float32", ("features",)),
    "placed": ("int8", ("placed", "intents")),
    "placed_steps": ("float32", ("placed",)),
    "pairs": ("int8", ("pairs", "intents")),
    "pair_steps": ("float32", ("pairs",)),
    "intercept": ("float32", ("intents",)),
    "rule_proba": ("float32", ("rules", "intents")),
}


def save_model(model: IntentModel, path: str | Path) -> None:
    """Write a model file: beside its place first, then renamed, so that no half-written file is ever there.

    The same model gives the same bytes.

    Parameters
    ----------
    model : IntentModel
    path : str or pathlib.Path

    Raises
    ------
    OutputError
        If the file can't be written there.
    """
    target = Path(path)
    arrays = _arrays(model)
    document = _document(model)
    text = _dump(document)
    digest = _digest(text, arrays)
    arrays[_DOCUMENT] = np.frombuffer(text, np.uint8)
    arrays[_HASH] = np.frombuffer(digest, np.uint8)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            _write_arrays(file, arrays)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutputError(
            f"expected to write the model to {target}, found {error.strerror}; "
            "choose a folder that exists and is writable"
        ) from error


def load_model(path: str | Path | None = None, *, router: Router | None = None) -> IntentModel:
    """Read a model file and check it: format version, shapes and types, hash, smoke prediction.

    Nothing in the file is run; it is safe to read one from a stranger.

    Parameters
    ----------
    path : str or pathlib.Path, optional
        The shipped model by default.
    router : Router, optional
        Where messages are served; the packaged decision table by default.

    Returns
    -------
    IntentModel

    Raises
    ------
    ModelFileError
        If the file is missing, foreign, damaged or of another format version.
    """
    source = Path(path) if path is not None else resource_path("model.npz")
    arrays = _read_arrays(source)
    expected = arrays.pop(_HASH, None)
    text = arrays.pop(_DOCUMENT, None)
    document = _read_document(source, text)
    _check_layout(source, document, arrays)
    if text is None or expected is None or expected.tobytes() != _digest(text.tobytes(), arrays):
        raise ModelFileError(
            f"expected the contents that {source} was written with, found others (its hash differs); "
            "the file was damaged or changed: copy it again or train it anew"
        )
    try:
        model = _build(document, arrays, router)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"expected a complete model in {source}, found {error!r}; train it anew") from error
    _check_smoke(source, document, model)
    return model


def fingerprint(model: IntentModel) -> str:
    """Return a digest of all that a model's answers depend on, its channels and costs included.

    Parameters
    ----------
    model : IntentModel

    Returns
    -------
    str
        SHA-256 in hexadecimal; the same after saving and loading.
    """
    n_intents = len(model.intents)
    cases = np.indices((n_intents, 2, 2)).reshape(3, -1)
    channels = model.router.channel_columns(cases[0], cases[1].astype(bool), cases[2].astype(bool))
    costs = None if model.costs is None else [model.costs.answers.tolist(), model.costs.person.tolist()]
    document = {**_document(model), "smoke": None}  # its last digits are the machine's
    answered = {**document, "channels": [column.tolist() for column in channels], "costs": costs}
    return _digest(_dump(answered), _arrays(model)).hex()


def _document(model: IntentModel) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "taxonomy": model.taxonomy.to_dict(),
        "calibration": asdict(model.calibration),
        "options": asdict(model.vocabulary.options),
        "unknown_idf": model.vocabulary.unknown_idf,
        "lemmas": list(model.vocabulary.lemmas),
        "classes": list(model.vocabulary.class_names),
        "spellings": list(model.vocabulary.spellings),
        "sizes": _sizes(model),
        "metadata": model.metadata,
        "smoke": [
            {"message": message, "proba": [round(float(p), 6) for p in row]}
            for message, row in zip(_SMOKE_MESSAGES, model.predict_proba(_SMOKE_MESSAGES), strict=True)
        ],
    }


def _arrays(model: IntentModel) -> dict[str, NDArray[Any]]:
    return {**model.vocabulary.to_arrays(), **model.weights._asdict(), "rule_proba": model.rule_proba}


def _sizes(model: IntentModel) -> dict[str, int]:
    vocabulary = model.vocabulary
    return {
        "lemmas": len(vocabulary.lemmas),
        "forms": len(vocabulary.form_hashes),
        "ngrams": len(vocabulary.ngram_keys),
        "pairs": len(vocabulary.pair_keys),
        "placed": len(vocabulary.place_keys),
        "class_bounds": len(vocabulary.class_bounds),
        "memberships": len(vocabulary.class_columns),
        "features": vocabulary.n_features,
        "intents": len(model.intents),
        "rules": len(model.rule_proba),
    }


def _dump(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8")


def _digest(document: bytes, arrays: Mapping[str, NDArray[Any]]) -> bytes:
    digest = hashlib.sha256(document)
    for name in _LAYOUT:
        digest.update(name.encode("utf-8"))
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.digest()


def _write_arrays(file: BinaryIO, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays as ``numpy.savez_compressed`` does, but those of `_STORED` as they are."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy")  # with no time of writing
            entry.compress_type = zipfile.ZIP_STORED if name in _STORED else zipfile.ZIP_DEFLATED
            with archive.open(entry, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _read_arrays(source: Path) -> dict[str, NDArray[Any]]:
    try:
        with source.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if isinstance(archive, np.ndarray):
                raise ModelFileError(
                    f"expected a model file (.npz) at {source}, found a single array; pass a file that save_model wrote"
                )
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise ModelFileError(f"expected a model file at {source}, found nothing there; check the path") from error
    except IsADirectoryError as error:
        raise ModelFileError(
            f"expected a model file at {source}, found a directory; name the .npz inside it"
        ) from error
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ModelFileError(
            f"expected a model file (.npz) at {source}, found a damaged or cut-off one: {error}; copy it again"
        ) from error
    except (ValueError, SyntaxError, tokenize.TokenError, MemoryError) as error:
        # numpy's words for object arrays, for what is no array at all, and for a size that nobody has room for
        raise ModelFileError(
            f"expected plain arrays in {source}, found something else, which is not opened for safety: {error}; "
            "pass a file that save_model wrote"
        ) from error
    except (OSError, NotImplementedError, RuntimeError) as error:
        raise ModelFileError(f"expected a readable model file at {source}, found: {error}; copy it again") from error


def _read_document(source: Path, raw: NDArray[Any] | None) -> dict[str, Any]:
    foreign = f"expected a model file of support_intent at {source}, found an archive of something else; "
    if raw is None or raw.dtype != np.uint8:
        raise ModelFileError(foreign + "pass a file that save_model wrote")
    try:
        document = json.loads(raw.tobytes().decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelFileError(
            f"expected a JSON document inside {source}, found a damaged one: {error}; copy the file again"
        ) from error
    if not isinstance(document, dict):
        raise ModelFileError(foreign + "pass a file that save_model wrote")
    version = document.get("format_version")
    if version != FORMAT_VERSION:
        raise ModelFileError(
            f"expected format version {FORMAT_VERSION} in {source}, found {version!r}; "
            "train the model anew with this version of support_intent, or install the version that wrote it"
        )
    return document


def _check_layout(source: Path, document: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    sizes = document.get("sizes")
    if not isinstance(sizes, dict):
        raise ModelFileError(f"expected the sizes of the arrays in {source}, found none; train the model anew")
    unexpected = sorted(set(arrays) ^ set(_LAYOUT))
    if unexpected:
        raise ModelFileError(
            f"expected the arrays {', '.join(_LAYOUT)} in {source}, found a difference in {', '.join(unexpected)}; "
            "pass a file that save_model wrote"
        )
    for name, (dtype, axes) in _LAYOUT.items():
        shape = tuple(sizes.get(axis) for axis in axes)
        if arrays[name].dtype != np.dtype(dtype) or arrays[name].shape != shape:
            raise ModelFileError(
                f"expected {name} as {dtype} of shape {shape} in {source}, "
                f"found {arrays[name].dtype} of shape {arrays[name].shape}; copy the file again or train it anew"
            )


def _build(document: dict[str, Any], arrays: Mapping[str, NDArray[Any]], router: Router | None) -> IntentModel:
    vocabulary = Vocabulary(
        lemmas=document["lemmas"],
        lemma_idf=arrays["lemma_idf"],
        form_hashes=arrays["form_hashes"],
        form_lemmas=arrays["form_lemmas"],
        ngram_keys=arrays["ngram_keys"],
        pair_keys=arrays["pair_keys"],
        pair_idf=arrays["pair_idf"],
        place_keys=arrays["place_keys"],
        class_bounds=arrays["class_bounds"],
        class_columns=arrays["class_columns"],
        class_names=document["classes"],
        spellings=document["spellings"],
        unknown_idf=document["unknown_idf"],
        options=FeatureOptions(**document["options"]),
    )
    weights = Weights(**{name: arrays[name] for name in Weights._fields})
    return IntentModel(
        Taxonomy.from_dict(document["taxonomy"]),
        vocabulary,
        weights,
        _calibration(document["calibration"]),
        arrays["rule_proba"],
        document["metadata"],
        router,
    )


def _calibration(fields: dict[str, Any]) -> Calibration:
    also = fields["also"]
    second = SecondTopic(tuple(also["weights"]), tuple(also["biases"]), also["threshold"])
    return Calibration(**{**fields, "also": second})


def _check_smoke(source: Path, document: Mapping[str, Any], model: IntentModel) -> None:
    smoke = document["smoke"]
    expected = np.array([case["proba"] for case in smoke], dtype=np.float32)
    found = model.predict_proba([case["message"] for case in smoke])
    if not np.allclose(found, expected, atol=_SMOKE_TOLERANCE):
        worst = int(np.abs(found - expected).max(axis=1).argmax())
        raise ModelFileError(
            f"expected {source} to answer its own message {smoke[worst]['message']!r} with {smoke[worst]['proba']}, "
            f"found {found[worst].round(4).tolist()}; the model does not fit this version: train it anew"
        )
