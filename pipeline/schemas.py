"""The JSON Schemas that editors use; committed in configs/schema, and a test keeps them fresh."""

from __future__ import annotations

import json
from pathlib import Path

from models.scorecard import Sheet
from pipeline.config import json_schema


def schemas() -> dict[str, str]:
    """File name → text of every schema."""
    found = {"project.json": json_schema(), "scorecard.json": Sheet.to_json_schema()}
    return {name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for name, schema in found.items()}


def write_schemas(directory: Path) -> list[Path]:
    """Write them into a folder."""
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in schemas().items():
        path = directory / name
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written
