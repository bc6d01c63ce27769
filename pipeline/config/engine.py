"""Settings of the engine that runs the SQL; no feature value depends on them."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from leadlens.pipeline.config.section import Section

EngineName = Literal["duckdb", "spark"]


def _folder(path: str) -> str:
    if "://" in path:
        raise ValueError("engine.work is the path of a folder, not a URL: mount a shared disk")
    return path


_UNITS = {"K": 1, "M": 2, "G": 3, "T": 4}
_LEAST_MEGABYTES = 64


def _enough(memory: str) -> str:
    size = re.fullmatch(r"([\d.]+)\s?([KMGTkmgt])[Bb]?", memory)
    if size and float(size[1]) * 1000 ** (_UNITS[size[2].upper()] - 2) < _LEAST_MEGABYTES:
        raise ValueError(f"too little memory: write at least {_LEAST_MEGABYTES}MB, better 1GB")
    return memory


class EngineSettings(Section):
    """Where leads are read and scored: by DuckDB in this process, or by the workers of Spark, on one machine or many."""

    name: EngineName = Field(
        "duckdb",
        description="Where `score`, `train`, `check`, `audit` and `features` do the work on leads; both give the same values.",
    )
    memory: Annotated[str, AfterValidator(_enough)] | None = Field(
        None,
        pattern=r"^\d+(\.\d+)?\s?[KMGTkmgt][Bb]?$",
        description="Memory limit, e.g. 4GB: of DuckDB (the rest spills to `work`), or of each Spark process. What training "
        "and judging hold beside DuckDB keeps within it too, by default within half of the memory of the machine or its "
        "container: of more rows leads are sampled.",
    )
    work: Annotated[str, AfterValidator(_folder)] | None = Field(
        None,
        description="Folder for data that do not fit in memory, and for what passes between this machine and Spark's workers: on a "
        "cluster every worker must see it under this path. By default a temporary folder.",
    )
    master: str = Field(
        "local[*]",
        description="Spark: its master URL, e.g. local[4], spark://host:7077 or yarn, or a server of Spark Connect, sc://host:15002.",
    )
    spark: dict[str, str] = Field(
        default_factory=dict, description="Spark: further properties, e.g. spark.executor.cores: 4."
    )
