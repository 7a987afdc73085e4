import subprocess
import sys

import support_intent


def test_public_names_are_what_imports():
    assert support_intent.__all__ == sorted(support_intent.__all__)
    for name in support_intent.__all__:
        assert getattr(support_intent, name).__doc__


def test_unknown_name_is_an_attribute_error():
    assert not hasattr(support_intent, "no_such_name")


def test_inference_loads_neither_scikit_learn_nor_the_dictionary():
    code = (
        "import sys, support_intent as s;"
        "s.load_model().analyze(['Где моя посылка, жду две недели', 'Индекс 101000, тел. 8 900 123-45-67'])[1];"
        "print(sorted({'sklearn', 'pandas', 'pymorphy3', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
