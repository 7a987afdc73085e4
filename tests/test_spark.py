"""The recipe for Spark, as the documentation has it, on a real local Spark."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from support_intent.batch import COLUMNS

pyspark_sql = pytest.importorskip("pyspark.sql", reason="Spark is an extra")
pytestmark = [
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark runs on Java"),
    pytest.mark.filterwarnings("ignore"),  # Spark's own
]
RECIPE = (Path(__file__).resolve().parents[1] / "docs" / "spark.md").read_text("utf-8")


def test_the_recipe_gives_what_the_model_says(model, test_split, tmp_path, monkeypatch):
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    with_topics, example = re.findall(r"```python\n(.*?)```", RECIPE, re.DOTALL)
    place = {}
    exec(with_topics, place)
    spark = pyspark_sql.SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    try:
        texts = [*test_split.texts[:200], None]
        table = spark.createDataFrame([(i, text) for i, text in enumerate(texts)], "id long, message string")
        rows = place["with_topics"](table.repartition(3)).orderBy("id").collect()
        assert rows[0].__fields__ == ["id", "message", *COLUMNS]
        found = list(model.analyze([text or "" for text in texts]))
        assert [(row.message, row.topic, row.intent, row.decision) for row in rows] == [
            (text, analysis.topic, analysis.intent, analysis.decision)
            for text, analysis in zip(texts, found, strict=True)
        ]
        inbox = Path(__file__).resolve().parents[1] / "datasets" / "inbox.csv"
        exec(
            example.replace('"inbox.csv"', f'"{inbox}"').replace('"routed"', f'"{tmp_path}/routed"'),
            place | {"spark": spark},
        )
        assert spark.read.parquet(f"{tmp_path}/routed").count() == 400
    finally:
        spark.stop()
