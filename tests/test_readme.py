import re
import subprocess
import sys
from pathlib import Path

import pytest

from support_intent import IntentModel
from support_intent.evaluation import evaluate

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_library_example_prints_what_is_shown():
    code, shown = re.search(r"```python\n(.*?)```.*?```text\n(.*?)```", README, re.DOTALL).groups()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, encoding="utf-8")
    assert done.stdout.strip() == shown.strip()


def test_both_readmes_have_the_same_two_commands():
    russian = (ROOT / "README.ru.md").read_text(encoding="utf-8")
    commands = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    assert re.findall(r"```sh\n(.*?)```", russian, re.DOTALL) == commands
    assert len(commands) == 2


def test_every_verb_stands_in_the_readmes():
    for text in (README, (ROOT / "README.ru.md").read_text(encoding="utf-8")):
        for verb in ("classify", "explain", "train", "evaluate", "compare", "check", "info"):
            assert f"| `{verb}" in text


@pytest.mark.parametrize("path", sorted([*ROOT.glob("*.md"), *(ROOT / "datasets").glob("*.md")]), ids=lambda p: p.name)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target


def test_figures_of_the_readme_are_those_of_the_shipped_model(model: IntentModel, test_split):
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) \|.*\| (\d+) \|$", README, re.MULTILINE)
    assert len(rows) >= 8
    evaluation = evaluate(model, test_split, n_resamples=1)
    for name, value, n in rows:
        assert evaluation[name].value == pytest.approx(float(value), abs=0.0051), name
        assert evaluation[name].n == int(n), name
