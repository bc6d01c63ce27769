"""What a project file may say about where its SQL runs; no value of a feature depends on it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from pipeline.config.parts import Section

EngineName = Literal["duckdb", "spark"]


def _folder(path: str) -> str:
    if "://" in path:
        raise ValueError("engine.work is a folder's path, not an address: mount a shared disk")
    return path


_UNITS = {"K": 1, "M": 2, "G": 3, "T": 4}
_LEAST_MEGABYTES = 64


def _enough(memory: str) -> str:
    told = re.fullmatch(r"([\d.]+)\s?([KMGTkmgt])[Bb]?", memory)
    if told and float(told[1]) * 1000 ** (_UNITS[told[2].upper()] - 2) < _LEAST_MEGABYTES:
        raise ValueError(f"too little memory to work with: write {_LEAST_MEGABYTES}MB or more, better 1GB")
    return memory


class EngineSettings(Section):
    """Where features are built: DuckDB in this process, or Spark on one machine or many."""

    name: EngineName = Field(
        "duckdb", description="What `leadlens features` builds a matrix with; the values are the same."
    )
    memory: Annotated[str, AfterValidator(_enough)] | None = Field(
        None,
        pattern=r"^\d+(\.\d+)?\s?[KMGTkmgt][Bb]?$",
        description="Memory to use, e.g. 4GB: DuckDB's own (the rest goes to `work`), or that of each Spark process.",
    )
    work: Annotated[str, AfterValidator(_folder)] | None = Field(
        None,
        description="Folder for what does not fit in memory, and for tables on their way to Spark: on a cluster every "
        "worker must see it under this name. By default a temporary one.",
    )
    master: str = Field(
        "local[*]", description="Spark: where it runs, e.g. local[4], spark://host:7077 or yarn."
    )
    spark: dict[str, str] = Field(
        default_factory=dict, description="Spark: further settings, e.g. spark.executor.cores: 4."
    )
