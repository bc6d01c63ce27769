"""The JSON Schemas for editors; committed in configs/schema and kept up to date by a test."""

from __future__ import annotations

import json
from pathlib import Path

from models.scorecard import Sheet
from pipeline.config import json_schema


def schemas() -> dict[str, str]:
    """File name → text of every schema."""
    each = {"project.json": json_schema(), "scorecard.json": Sheet.to_json_schema()}
    return {name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for name, schema in each.items()}


def write_schemas(directory: Path) -> list[Path]:
    """Write them into a folder."""
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in schemas().items():
        path = directory / name
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written
