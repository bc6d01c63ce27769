"""The description of the HTTP interface by OpenAPI 3.1, made of the models that requests and answers are checked with."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from leadlens.pipeline.app.answers import PageOfLeads, Problem, WholeLead
from leadlens.pipeline.published.asked import SORTS
from leadlens.pipeline.raw_lead.answer import LeadAnswer
from leadlens.pipeline.raw_lead.request import RawLead

_MODELS: tuple[tuple[type[BaseModel], Literal["validation", "serialization"]], ...] = (
    (PageOfLeads, "serialization"),
    (WholeLead, "serialization"),
    (LeadAnswer, "serialization"),
    (Problem, "serialization"),
    (RawLead, "validation"),
)
_TEXTS = {
    "q": "Beginnings of words of id, name, e-mail or company.",
    "owner": "Leads of this owner.",
    "stage": "Leads of this stage of the sheet.",
    "grade": "Leads of this grade of the model.",
    "after": "`next` of the page before.",
}
_CHOICES: dict[str, dict[str, Any]] = {
    "status": {"enum": ["open", "closed", "any"], "description": "open by default, any where q is given."},
    "sort": {"enum": list(SORTS), "default": "score"},
    "disqualified": {"enum": ["1"], "description": "1: disqualified leads too."},
    "limit": {"type": "integer", "minimum": 1, "maximum": 500, "default": 50},
}


def description(project: str) -> dict[str, Any]:
    """The interface of one project."""
    schemas, definitions = models_json_schema(_MODELS, ref_template="#/components/schemas/{model}")
    refs = {model: schemas[model, mode] for model, mode in _MODELS}

    def content(model: type[BaseModel]) -> dict[str, Any]:
        return {"application/json": {"schema": refs[model]}}

    def answers(model: type[BaseModel], problems: Mapping[str, str]) -> dict[str, Any]:
        own = {"200": {"description": "The answer.", "content": content(model)}}
        return own | {
            status: {"description": text, "content": content(Problem)} for status, text in problems.items()
        }

    usual = {"403": "Nobody is signed in, or the role may not do that.", "404": "There is no such thing."}
    texts = [
        {"name": name, "in": "query", "description": text, "schema": {"type": "string"}}
        for name, text in _TEXTS.items()
    ]
    choices = [{"name": name, "in": "query", "schema": schema} for name, schema in _CHOICES.items()]
    lead = {"name": "lead", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Leadlens: {project}",
            "version": version("leadlens"),
            "description": "The scores that the latest night published, and one new lead scored by the code of the night.",
        },
        "paths": {
            f"/{project}/api/leads": {
                "get": {
                    "summary": "Leads, best first",
                    "parameters": [*texts, *choices],
                    "responses": answers(PageOfLeads, usual | {"400": "A parameter is wrong."}),
                }
            },
            f"/{project}/api/leads/{{lead}}": {
                "get": {
                    "summary": "One lead: scores, reasons, ledger, history",
                    "parameters": [lead],
                    "responses": answers(WholeLead, usual),
                }
            },
            f"/{project}/api/score": {
                "post": {
                    "summary": "Score one new lead",
                    "requestBody": {"required": True, "content": content(RawLead)},
                    "responses": answers(
                        LeadAnswer,
                        usual
                        | {
                            "400": "The lead does not fit the project's columns, or is not open.",
                            "413": "The lead is too long.",
                            "415": "It is not sent as application/json.",
                        },
                    ),
                }
            },
        },
        "components": {"schemas": definitions.get("$defs", {})},
    }
