import numpy as np

from support_intent.dataset import load_dataset
from support_intent.resources import resource_path
from support_intent.training import train_model

from .conftest import MESSAGES


def test_the_shipped_model_is_what_training_gives(model, test_split):
    dataset = load_dataset(MESSAGES / "train.csv", MESSAGES / "validation.csv")
    assert model.metadata["data_fingerprint"] == dataset.fingerprint
    again = train_model(dataset, n_jobs=2)
    assert np.allclose(again.predict_proba(test_split.texts), model.predict_proba(test_split.texts), atol=2e-3)
    assert np.array_equal(again.predict(test_split.texts), model.predict(test_split.texts))
    assert abs(again.calibration.review_threshold - model.calibration.review_threshold) < 1e-3


def test_the_shipped_model_is_small():
    assert resource_path("model.npz").stat().st_size <= 10e6


def test_no_split_has_a_message_of_the_inbox():
    inbox = (MESSAGES.parent / "inbox.csv").read_text(encoding="cp1251")
    for name in ("train", "validation", "test"):
        long = [text for text in load_dataset(MESSAGES / f"{name}.csv").texts if len(text) > 25]
        assert not [text for text in long if text in inbox]
