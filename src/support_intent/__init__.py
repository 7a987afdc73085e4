"""Reads Russian customer messages to a postal operator: what each wants, how sure that is, where it is served."""

from importlib import import_module
from typing import TYPE_CHECKING

from support_intent.batch import classify_file
from support_intent.dataset import Dataset, load_dataset
from support_intent.errors import SupportIntentError
from support_intent.evaluation import compare, evaluate
from support_intent.model import IntentModel
from support_intent.persistence import load_model, save_model
from support_intent.redaction import redact
from support_intent.taxonomy import load_taxonomy

if TYPE_CHECKING:
    from support_intent.lint import check_dataset
    from support_intent.training import IntentClassifier

__all__ = [
    "Dataset",
    "IntentClassifier",
    "IntentModel",
    "SupportIntentError",
    "check_dataset",
    "classify_file",
    "compare",
    "evaluate",
    "load_dataset",
    "load_model",
    "load_taxonomy",
    "redact",
    "save_model",
]


_LATER = {"IntentClassifier": "support_intent.training", "check_dataset": "support_intent.lint"}


def __getattr__(name: str) -> object:
    """Import what needs scikit-learn or scipy when it is asked for: they take longer than all the rest."""
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
