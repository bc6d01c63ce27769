"""The JSON Schemas for editors and for programs that send leads; committed in configs/schema, kept up to date by a test."""

from __future__ import annotations

import json
from pathlib import Path

from leadlens.models.scorecard import Sheet
from leadlens.pipeline.config import json_schema
from leadlens.pipeline.raw_lead.answer import LeadAnswer
from leadlens.pipeline.raw_lead.request import RawLead

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, str]:
    """File name → text of every schema."""
    each = {
        "project.json": json_schema(),
        "scorecard.json": Sheet.to_json_schema(),
        "raw_lead.json": {"$schema": _DRAFT, **RawLead.model_json_schema()},
        "lead_answer.json": {"$schema": _DRAFT, **LeadAnswer.model_json_schema(mode="serialization")},
    }
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
