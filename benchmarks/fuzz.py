"""Hostile input, found by coverage: no crash, no hang, no memory that grows beyond its bound.

    python benchmarks/fuzz.py [--seconds 10] [--json FILE]

Atheris (libFuzzer) mutates bytes and keeps what reaches new code. Whatever it makes of them, the readers, the text
modules and the model loader answer with a result or with one of our own errors, within 5 seconds and 1 GB.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import cache, partial
from pathlib import Path

SEEDS = {
    "reader": [
        'id;Сообщение\r\n1;"Где;\r\nпосылка"\r\n2;да\r\n'.encode("cp1251"),
        '\ufefftext,topic\n"a""b",x\n,\n'.encode(),
        'sep=|\nа|б\n"не закрыта|в\n1|2|3|4\n'.encode(),
        "сообщение\r\nГде\r\n".encode("utf-16"),
    ],
    "text": [
        "Где RA123456785RU? тел. 8 900 123-45-67, ул. Ленина, д. 5, кв. 7".encode(),
        "ult gjcskrf, gde posylka 😡 1 500,50 руб 12.03.2025 Петрова Анна Ивановна".encode(),
    ],
    "model": [b"\0\0\0\0\0"],
    "tables": ['{"message": "где"}\n[1]\n{"a": {"b": 1}}\n'.encode()],
}


def reader(folder: Path, data: bytes) -> None:
    """Cut a file into parts and read it whole: the same rows, which can be written."""
    from support_intent.messages import open_messages, open_part
    from support_intent.output import RowEncoder

    path = _written(folder, data, ".csv")
    with open_messages(path) as whole:
        parts, layout = list(whole.parts(64)), whole.layout
    rows, rejected = [], []
    for part in parts:
        with open_part(path, layout, part) as some:
            rows += [row for chunk in some.chunks(2) for row in chunk.rows]
            rejected += some.rejected
    with open_messages(path) as whole:
        assert rows == [row for chunk in whole.chunks(3) for row in chunk.rows], "parts differ from the whole"
        assert rejected == whole.rejected
    RowEncoder(layout.format, layout.header, ("topic",)).encode(rows, [["x"] * len(rows)])


def text(folder: Path, data: bytes) -> None:
    """Read a message whatever it is made of."""
    from support_intent.entities import find_entities
    from support_intent.redaction import redact

    message = data[1:].decode("utf-16-le" if data[:1] < b"\x20" else "utf-8", "replace")
    (analysis,) = _model().analyze([message])
    assert 0 <= analysis.confidence <= 1
    for entity in find_entities(message):
        assert message[entity.start : entity.end] == entity.text
    redacted = redact(message)
    assert redact(redacted) == redacted


def model(folder: Path, data: bytes) -> None:
    """Load the shipped model with some of its bytes changed: three bytes say where, the fourth says to what."""
    from support_intent.persistence import load_model
    from support_intent.resources import resource_path

    content = bytearray(resource_path("model.npz").read_bytes())
    for i in range(0, len(data) - 3, 4):
        content[int.from_bytes(data[i : i + 3], "little") % len(content)] = data[i + 3]
    load_model(_written(folder, bytes(content), ".npz"))


def tables(folder: Path, data: bytes) -> None:
    """Read JSON lines, and unpack what may be packed."""
    import io

    from support_intent.packing import unpack
    from support_intent.tables import open_table

    unpack(io.BytesIO(data), io.BytesIO(), "data")
    table = open_table(_written(folder, data, ".jsonl"))
    assert all(len(row) == len(table.header) for row in table.rows())


@cache
def _model():
    from support_intent.persistence import load_model

    return load_model()


def _written(folder: Path, data: bytes, suffix: str) -> Path:
    path = folder / f"input{suffix}"
    path.write_bytes(data)
    return path


def fuzz(target: str, folder: str, options: list[str]) -> None:
    """Run one target until libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["support_intent"]):
        import support_intent.batch  # noqa: F401 – and with it all that targets import
    from support_intent.errors import SupportIntentError

    run = partial(globals()[target], Path(folder))

    def one(data: bytes) -> None:
        with suppress(SupportIntentError):  # an answer, too
            run(data)

    atheris.Setup([sys.argv[0], *options], one)
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=10, help="for each target")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    n_inputs = {}
    for target, seeds in SEEDS.items():
        with tempfile.TemporaryDirectory() as folder:
            corpus = Path(folder) / "corpus"
            corpus.mkdir()
            for number, seed in enumerate(seeds):
                (corpus / str(number)).write_bytes(seed)
            limits = [f"-max_total_time={arguments.seconds}", "-timeout=5", "-rss_limit_mb=1024", "-max_len=4096"]
            command = [sys.executable, __file__, "--target", target, folder]
            run = subprocess.run(
                [*command, *limits, f"-artifact_prefix={folder}/", str(corpus)], capture_output=True, text=True,
                env={**os.environ, "PYTHONWARNINGS": "ignore"},
            )  # fmt: skip
            done = re.search(r"Done (\d+) runs", run.stderr)
            if run.returncode == 0 and done:
                n_inputs[target] = int(done[1])
                print(f"{target}: {n_inputs[target]:,} inputs, no fault", flush=True)
                continue
            print(f"{target}: FAULT\n{run.stdout[-3_000:]}\n{run.stderr[-1_000:]}")
            for found in (*Path(folder).glob("crash-*"), *Path(folder).glob("timeout-*")):
                print(found.name, found.read_bytes())
    if arguments.json:
        arguments.json.write_text(
            json.dumps({"seconds": arguments.seconds, "inputs": n_inputs}) + "\n", encoding="utf-8"
        )
    return 0 if len(n_inputs) == len(SEEDS) else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--target"]:
        fuzz(sys.argv[2], sys.argv[3], sys.argv[4:])
    else:
        sys.exit(main())
