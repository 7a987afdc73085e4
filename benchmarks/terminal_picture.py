"""Draw what the command line prints, for the README: docs/terminal.svg.

python benchmarks/terminal_picture.py
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 110


def run(arguments: list[str], shown: str, console: Console) -> None:
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH)}
    done = subprocess.run(
        [sys.executable, "-m", "support_intent", *arguments],
        capture_output=True, text=True, check=True, env=environment, cwd=ROOT,
    )  # fmt: skip
    console.print(Text(f"$ {shown}", style="bold"))
    console.print(Text.from_ansi(done.stderr + done.stdout))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere)
        out = str(Path(folder) / "routed.csv")
        run(
            ["classify", "datasets/inbox.csv", "-o", out],
            "support-intent classify datasets/inbox.csv -o routed.csv", console,
        )  # fmt: skip
        message = "Где моя посылка RA123456785RU? Вторую неделю на сортировке"
        run(["explain", message], f'support-intent explain "{message}"', console)
        picture = console.export_svg(title="support-intent", unique_id="terminal").replace(out, "routed.csv")
    (ROOT / "docs" / "terminal.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
