"""The command line: parse, call the library, print. The only place that catches the package's errors."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from support_intent.batch import Options, Summary, classify_files, restore_file
from support_intent.calibration import load_costs
from support_intent.dataset import Dataset, load_dataset
from support_intent.errors import InputError, OutputError, SupportIntentError
from support_intent.lint import check_dataset
from support_intent.persistence import load_model, save_model
from support_intent.sealing import load_key, new_key
from support_intent.storage import is_folder, joined, make_folder, matching
from support_intent.taxonomy import Taxonomy, load_taxonomy

if TYPE_CHECKING:
    from support_intent.analysis import Explanation, WordContribution
    from support_intent.evaluation import Evaluation

_TOP_WORDS = 8  # words that a table of reasons holds
_FINDINGS_SHOWN = 50


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words after the program's name; those of this process by default.

    Returns
    -------
    int
        0 good, 1 data or model error, 2 wrong usage.
    """
    options = _parser().parse_args(arguments)
    words = Console(stderr=True, highlight=False, soft_wrap=True)
    run: Callable[[argparse.Namespace, Console], int] = options.run
    try:
        code = run(options, words)
        sys.stdout.flush()
    except SupportIntentError as error:
        words.print(Text(f"support-intent: {error}", style="red"))
        return 1
    except BrokenPipeError:
        # whoever read our output has seen enough; Python would complain again when it closes stdout
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        words.print("support-intent: stopped; what was classified is kept for --resume, no output is half-written")
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="support-intent",
        description="Reads Russian customer messages to a postal operator: topic, intent, confidence, contact channel.",
        epilog="example: support-intent classify inbox.csv -o routed.csv",
    )
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")

    def verb(
        name: str, run: Callable[[argparse.Namespace, Console], int], help: str, example: str
    ) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, help=help, description=help, epilog=f"example: {example}")
        sub.set_defaults(run=run)
        return sub

    def with_model(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--model", metavar="MODEL", type=Path, help="model file (default: the shipped model)")

    classify = verb(
        "classify", _classify, "append topic, intent, decision and channel to every row of a message file",
        "support-intent classify inbox.csv -o routed.csv",
    )  # fmt: skip
    classify.add_argument(
        "files", metavar="FILE", nargs="+",
        help="messages: CSV as Excel or a CRM exports it (packed by gzip, bzip2, xz or zstd too), .xlsx, .parquet, "
        ".jsonl, - for stdin, 'in/*.csv' for several",
    )  # fmt: skip
    classify.add_argument(
        "-o", "--output", metavar="OUT",
        help="where the rows go, in the format that the name says; a folder for several files (default: stdout)",
    )  # fmt: skip
    classify.add_argument("--encoding", help="encoding of FILE (default: found in the file)")
    classify.add_argument("--delimiter", help="delimiter of FILE (default: found in the file)")
    classify.add_argument("--column", help="name or number, from 1, of the message column (default: found)")
    classify.add_argument("--no-header", action="store_true", help="the first row is a message, not column names")
    classify.add_argument(
        "--excel", action="store_true", help="write CSV as Excel opens it right (UTF-8 mark, semicolons)"
    )
    classify.add_argument("--guard", action="store_true", help="put ' before cells that a spreadsheet would run")
    classify.add_argument("--redact", action="store_true", help="write personal data in messages as placeholders")
    classify.add_argument(
        "--key", metavar="KEY", type=Path, help="with --redact: seal the data into the placeholders; a new KEY is made"
    )
    classify.add_argument(
        "--costs", metavar="CSV", type=Path, help="prices by truth and answer; the decision minimises the expected cost"
    )
    classify.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    classify.add_argument(
        "--jobs", metavar="N", type=int, help="processes (default: one a core, if the input is large)"
    )
    classify.add_argument("--engine", choices=("local", "dask"), default="local", help="this machine or a Dask cluster")
    classify.add_argument("--scheduler", metavar="ADDRESS", help="of the Dask cluster, for example tcp://10.0.0.5:8786")
    with_model(classify)

    restore = verb(
        "restore", _restore, "put personal data back that classify --redact --key sealed",
        "support-intent restore routed.csv --key secret.key -o whole.csv",
    )  # fmt: skip
    restore.add_argument("file", metavar="FILE", type=Path, help="redacted CSV")
    restore.add_argument("--key", metavar="KEY", type=Path, required=True, help="that it was redacted with")
    restore.add_argument("-o", "--output", metavar="OUT", type=Path, help="where the rows go (default: stdout)")

    explain = verb(
        "explain", _explain, "say what a message wants and which words decided",
        'support-intent explain "где моя посылка RA123456785RU"',
    )  # fmt: skip
    explain.add_argument("text", metavar="TEXT", nargs="+", help="messages, each in quotes")
    with_model(explain)

    train = verb(
        "train", _train, "learn a model from labelled CSVs (columns text, intent)",
        "support-intent train ours.csv -o ours.npz",
    )  # fmt: skip
    train.add_argument("files", metavar="FILE", nargs="+", type=Path, help="labelled CSV")
    train.add_argument("-o", "--output", metavar="MODEL", type=Path, required=True, help="where the model goes")
    train.add_argument("--validation", metavar="FILE", type=Path, help="labelled CSV that thresholds are tuned on")
    train.add_argument("--taxonomy", metavar="TOML", type=Path, help="topics and intents of your own")

    evaluate = verb(
        "evaluate", _evaluate, "measure a model on a labelled CSV, with 95 %% intervals",
        "support-intent evaluate datasets/messages/test.csv",
    )  # fmt: skip
    evaluate.add_argument("file", metavar="FILE", type=Path, help="labelled CSV")
    evaluate.add_argument("--report", metavar="HTML", type=Path, help="write a page with pictures, errors and advice")
    with_model(evaluate)

    compare = verb(
        "compare", _compare, "say whether a new model is better; exit status 1 if it is worse",
        "support-intent compare old.npz new.npz test.csv",
    )  # fmt: skip
    compare.add_argument("old", metavar="OLD", type=Path)
    compare.add_argument("new", metavar="NEW", type=Path)
    compare.add_argument("file", metavar="FILE", type=Path, help="labelled CSV")

    check = verb(
        "check", _check, "look for duplicates, conflicts, leaks and wrong labels; exit status 1 if there are errors",
        "support-intent check datasets/messages/train.csv datasets/messages/test.csv",
    )  # fmt: skip
    check.add_argument("files", metavar="FILE", nargs="+", type=Path, help="labelled CSV; each file is a split")
    check.add_argument("--taxonomy", metavar="TOML", type=Path, help="topics and intents of your own")
    check.add_argument("--doubts", action="store_true", help="list labels that a model of other writers contradicts")

    info = verb("info", _info, "show the model card, topics and channels", "support-intent info")
    with_model(info)
    return parser


def _classify(options: argparse.Namespace, words: Console) -> int:
    if (options.engine == "dask") != (options.scheduler is not None):
        raise InputError(
            "expected --engine dask and --scheduler together, found one of them; "
            "name the cluster as in --engine dask --scheduler tcp://10.0.0.5:8786"
        )
    if options.jobs is not None and options.jobs < 1:
        raise InputError(f"expected --jobs of at least 1, found {options.jobs}; leave it out for one a core")
    model = load_model(options.model)
    if options.costs is not None:
        model = model.with_costs(load_costs(options.costs, model.topics))
    files = _inputs_and_outputs(options.files, options.output)
    reading = Options(
        encoding=options.encoding,
        delimiter=options.delimiter,
        column=int(options.column) if options.column and options.column.isdecimal() else options.column,
        header=False if options.no_header else None,
        redacted=options.redact,
        excel=options.excel,
        guard=options.guard,
        key=None if options.key is None else load_key(options.key) if options.key.exists() else new_key(options.key),
    )
    with Progress(
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} messages"), BarColumn(),
        TextColumn("{task.fields[rate]}"), TimeRemainingColumn(),
        console=words, transient=True, disable=not words.is_terminal,
    ) as progress:  # fmt: skip
        task = progress.add_task("classify", total=0, rate="")

        def show(done: int, total: int) -> None:
            speed = progress.tasks[task].speed
            progress.update(task, completed=done, total=total, rate=f"{speed:,.0f}/s" if speed else "")

        summaries = classify_files(
            files,
            model=model,
            options=reading,
            resume=options.resume,
            n_jobs=options.jobs,
            scheduler=options.scheduler,
            on_notes=lambda notes: words.print(Text("\n".join(notes), style="dim")),
            on_progress=show,
        )
    for (_, output), summary in zip(files, summaries, strict=True):
        _print_summary(summary, output if isinstance(output, str) else None, words)
    return 0


def _inputs_and_outputs(patterns: Sequence[str], output: str | None) -> list[tuple[str | BinaryIO, str | BinaryIO]]:
    """Return every input with its output; several need a folder."""
    inputs: list[str | BinaryIO] = []
    for pattern in patterns:
        found: list[str] = [pattern] if pattern == "-" else matching(pattern)
        if not found:
            raise InputError(f"expected files that match {pattern}, found none; check the pattern")
        inputs += [sys.stdin.buffer if name == "-" else name for name in found]
    if output is None:
        if len(inputs) > 1:
            raise InputError(f"expected a folder for {len(inputs)} files, found no output; name one with -o")
        return [(inputs[0], sys.stdout.buffer)]
    if not (is_folder(output) or output.endswith("/") or len(inputs) > 1):
        return [(inputs[0], output)]
    make_folder(output)
    names = [name.rstrip("/").replace("\\", "/").rpartition("/")[2] if isinstance(name, str) else "" for name in inputs]
    twice = next((name for i, name in enumerate(names) if not name or name in names[:i]), None)
    if twice is not None:
        raise InputError(
            f"expected files of different names for the folder {output}, found {twice or 'stdin'!r}; classify it alone"
        )
    return [(source, joined(output, name)) for source, name in zip(inputs, names, strict=True)]


def _print_summary(summary: Summary, output: str | None, words: Console) -> None:
    taxonomy = load_taxonomy()
    titles = {topic.id: topic.title_ru for topic in taxonomy.topics}
    table = Table(title=f"Сообщений: {summary.n_messages:,}".replace(",", " "), title_justify="left")
    table.add_column("Тема")
    table.add_column("Сообщений", justify="right")
    table.add_column("Доля", justify="right")
    table.add_column("На проверку", justify="right")
    for topic, count in summary.topics.items():
        share = f"{count / summary.n_messages:.1%}" if summary.n_messages else "–"
        name = f"{topic} · {titles[topic]}" if topic in titles else topic
        table.add_row(name, str(count), share, str(summary.n_review[topic]))
    words.print(table)
    words.print(f"На проверку человеку: {summary.review_share:.1%}")
    if summary.rejected:
        words.print(f"Не прочитано строк: {len(summary.rejected)}; они в файле с окончанием .rejected.csv")
    if output is not None:
        words.print(f"Готово: {output}")


def _restore(options: argparse.Namespace, words: Console) -> int:
    target = options.output if options.output is not None else sys.stdout.buffer
    n_rows = restore_file(options.file, target, load_key(options.key))
    words.print(f"restored {n_rows} rows")
    return 0


def _explain(options: argparse.Namespace, words: Console) -> int:
    model = load_model(options.model)
    out = Console(highlight=False, soft_wrap=True)
    for text in options.text:
        _print_explanation(model.explain(text), model.taxonomy, out)
    return 0


def _print_explanation(explanation: Explanation, taxonomy: Taxonomy, out: Console) -> None:
    analysis = explanation.analysis
    intent = next(intent for intent in taxonomy.intents if intent.id == analysis.intent)
    topic = next(topic for topic in taxonomy.topics if topic.id == analysis.topic)
    out.print(_marked(explanation))
    out.print(f"Тема: {topic.title_ru} ({topic.id}), уверенность {analysis.confidence:.1%}")
    out.print(f"Намерение: {intent.title_ru} ({intent.id})")
    out.print("Решение: автоматически" if analysis.decision == "auto" else "Решение: показать человеку")
    if analysis.also:
        out.print(f"Ещё просят: {', '.join(analysis.also)}")
    if analysis.rule:
        out.print(f"Решено правилом: {analysis.rule}")
    if analysis.repair:
        out.print(f"Прочитано как: {explanation.text}")
    for entity in analysis.entities:
        out.print(f"Найдено: {entity.text} — {entity.kind}" + (f" ({entity.problem})" if entity.problem else ""))
    if analysis.route is not None:
        out.print(f"Канал: {analysis.route.channel.title}, {analysis.route.contact}")
        if analysis.route.note:
            out.print(analysis.route.note)
        if analysis.route.missing:
            out.print("Для жалобы не хватает: " + ", ".join(item.title for item in analysis.route.missing))
    if explanation.words and not analysis.rule:
        table = Table(
            title=f"Слова: за «{analysis.intent}» против «{explanation.runner_up_intent}»",
            title_justify="left",
        )
        table.add_column("Слово")
        table.add_column("Перевес", justify="right")
        for word in sorted(explanation.words, key=_pull, reverse=True)[:_TOP_WORDS]:
            table.add_row(word.text, f"{word.margin:+.2f}")
        out.print(table)


def _pull(word: WordContribution) -> float:
    return abs(word.margin)


def _marked(explanation: Explanation) -> Text:
    """Return the message with the words that decided in bold."""
    text = Text(explanation.text)
    if not explanation.analysis.rule:
        strongest = max((word.margin for word in explanation.words), default=0.0)
        for word in explanation.words:
            if word.margin > 0.3 * strongest > 0:
                text.stylize("bold green", word.start, word.end)
            elif word.margin < -0.3 * strongest < 0:
                text.stylize("red", word.start, word.end)
    return text


def _train(options: argparse.Namespace, words: Console) -> int:
    # scikit-learn takes a second to import; the other verbs do not pay for it
    from support_intent.training import train_model

    taxonomy = load_taxonomy(options.taxonomy) if options.taxonomy else None
    dataset = load_dataset(*options.files)
    validation = load_dataset(options.validation) if options.validation else None
    words.print(f"learning from {len(dataset)} messages of {len(set(dataset.intents))} intents …")
    model = train_model(dataset, validation=validation, taxonomy=taxonomy, n_jobs=-1)
    save_model(model, options.output)
    words.print(f"wrote {options.output}, {options.output.stat().st_size / 1e6:.1f} MB")
    return 0


def _evaluate(options: argparse.Namespace, words: Console) -> int:
    from support_intent.evaluation import evaluate

    model, dataset = load_model(options.model), load_dataset(options.file)
    evaluation = evaluate(model, dataset)
    out = Console(highlight=False, soft_wrap=True)
    table = Table(title=f"{options.file}: {len(evaluation.topic)} messages", title_justify="left")
    for name in ("metric", "value", "95 % interval", "n"):
        table.add_column(name, justify="left" if name == "metric" else "right")
    for metric in evaluation.metrics:
        table.add_row(metric.name, f"{metric.value:.4f}", f"{metric.low:.4f} – {metric.high:.4f}", str(metric.n))
    out.print(table)
    out.print(_confusion_table(evaluation))
    if options.report is not None:
        from support_intent.report import evaluation_report

        page = evaluation_report(model, dataset, evaluation, f"Evaluation on {options.file.name}")
        try:
            options.report.write_text(page, encoding="utf-8")
        except OSError as error:
            raise OutputError(
                f"expected to write the report to {options.report}, found {error.strerror}; name another place"
            ) from error
        words.print(f"wrote {options.report}")
    return 0


def _confusion_table(evaluation: Evaluation) -> Table:
    table = Table(title="truth ↓  answer →", title_justify="left")
    table.add_column("")
    for topic in evaluation.topics:
        table.add_column(topic, justify="right")
    for topic, counts in zip(evaluation.topics, evaluation.topic_confusion, strict=True):
        table.add_row(topic, *map(str, counts))
    return table


def _compare(options: argparse.Namespace, words: Console) -> int:
    from support_intent.evaluation import compare

    comparison = compare(load_model(options.old), load_model(options.new), load_dataset(options.file))
    out = Console(highlight=False, soft_wrap=True)
    for metric in comparison.differences:
        out.print(f"{metric.name}: {metric.value:+.4f} [{metric.low:+.4f}, {metric.high:+.4f}] n={metric.n}")
    out.print(f"mended {comparison.n_mended}, broken {comparison.n_broken}")
    verdict = "better" if comparison.is_better else "worse" if comparison.is_worse else "not told apart by this file"
    out.print(f"the new model is {verdict}")
    return 1 if comparison.is_worse else 0


def _check(options: argparse.Namespace, words: Console) -> int:
    parts = [load_dataset(file) for file in options.files]
    dataset, splits = parts[0], {str(options.files[0]): range(len(parts[0]))}
    for file, part in zip(options.files[1:], parts[1:], strict=True):
        splits[str(file)] = range(len(dataset), len(dataset) + len(part))
        dataset += part
    taxonomy = load_taxonomy(options.taxonomy)
    findings = check_dataset(dataset, taxonomy, splits=splits)
    if options.doubts and not any(finding.kind == "unknown-label" for finding in findings):
        # it learns a model, which the plain check does without
        from support_intent.doubts import doubtful_labels

        findings += doubtful_labels(dataset, taxonomy)
    out = Console(highlight=False, soft_wrap=True)
    for finding in findings[:_FINDINGS_SHOWN]:
        out.print(Text(f"{finding.source}: {finding.severity}: {finding.kind}: {finding.text}"))
    if len(findings) > _FINDINGS_SHOWN:
        out.print(f"… and {len(findings) - _FINDINGS_SHOWN} more")
    n_errors = sum(finding.severity == "error" for finding in findings)
    words.print(f"{_described(dataset)}: {n_errors} errors, {len(findings) - n_errors} warnings")
    return 1 if n_errors else 0


def _described(dataset: Dataset) -> str:
    return f"{len(dataset)} messages, {len(set(dataset.intents))} intents, {len(set(dataset.writers))} writers"


def _info(options: argparse.Namespace, words: Console) -> int:
    model = load_model(options.model)
    out = Console(highlight=False, soft_wrap=True)
    out.print(f"{len(model.topics)} topics, {len(model.intents)} intents, {len(model.vocabulary.lemmas)} lemmas")
    out.print(f"review below {model.calibration.review_threshold:.4f}, temperature {model.calibration.temperature:.3f}")
    for name, value in sorted(model.metadata.items()):
        out.print(Text(f"{name}: {value}"))
    table = Table(title="Каналы", title_justify="left")
    for name in ("id", "Канал", "Контакт", "Часы"):
        table.add_column(name)
    for channel in model.router.channels:
        title = channel.title if channel.is_available else f"{channel.title} (недоступен)"
        table.add_row(channel.id, title, channel.contact, channel.hours)
    out.print(table)
    topics = Table(title="Темы и намерения", title_justify="left")
    topics.add_column("topic")
    topics.add_column("intents")
    for topic in model.topics:
        topics.add_row(topic, ", ".join(i for i in model.intents if model.taxonomy.topic_of(i) == topic))
    out.print(topics)
    return 0
