from pathlib import Path

import pytest

from support_intent import IntentModel, load_model
from support_intent.dataset import Dataset, load_dataset
from support_intent.training import IntentClassifier

ROOT = Path(__file__).resolve().parents[1]
MESSAGES = ROOT / "datasets" / "messages"


@pytest.fixture(scope="session")
def model() -> IntentModel:
    """The model that ships in the package."""
    return load_model()


@pytest.fixture(scope="session")
def test_split() -> Dataset:
    return load_dataset(MESSAGES / "test.csv")


@pytest.fixture(scope="session")
def some_messages() -> Dataset:
    """Every fourth validation message: enough to learn something in a second."""
    validation = load_dataset(MESSAGES / "validation.csv")
    return validation.select(range(0, len(validation), 4))


@pytest.fixture(scope="session")
def small_classifier(some_messages: Dataset) -> IntentClassifier:
    return IntentClassifier(n_folds=2).fit(some_messages.texts, some_messages.intents)
