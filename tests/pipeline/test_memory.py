"""What a job may use: the project's own limit, the machine's memory, its container's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from leadlens.features import UsageError
from leadlens.pipeline import memory
from leadlens.pipeline.config import EngineSettings
from leadlens.pipeline.memory import allowed, job_memory, total_memory

MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.parametrize(
    ("told", "size"),
    [("4GB", 4 * 10**9), ("4 gb", 4 * 10**9), ("4g", 4 * 10**9), ("500MB", 5 * 10**8), ("1.5T", 15 * 10**11)],
)
def test_the_projects_own_limit(told: str, size: int) -> None:
    assert job_memory(EngineSettings(memory=told)) == size


def test_without_one_it_is_half(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "total_memory", lambda: 8 * 10**9)
    assert job_memory(EngineSettings()) == 4 * 10**9
    assert allowed(EngineSettings()) == "half of the memory here is 4.0 GB: set engine.memory higher"


def groups(folder: Path, own: str, limits: dict[str, str]) -> int:
    """The memory of a machine whose process is in the groups ``own``, with these files of limits."""
    (folder / "self").write_text(own)
    for name, limit in limits.items():
        path = folder / "groups" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(limit + "\n")
    return total_memory(folder / "self", folder / "groups")


@pytest.mark.parametrize(
    ("own", "limits", "memory"),
    [
        ("0::/\n", {"memory.max": "3000000000"}, 3 * 10**9),
        ("0::/\n", {"memory.max": "max"}, None),
        ("0::/\n", {}, None),
        ("0::/a/b\n", {"a/b/memory.max": "max", "a/memory.max": "2000000000"}, 2 * 10**9),
        ("0::/a/b\n", {"a/b/memory.max": "1000000000", "a/memory.max": "2000000000"}, 10**9),
        ("0::/a\n", {"other/memory.max": "1000000000"}, None),
        ("0::/../../host\n", {"memory.max": "1000000000"}, 10**9),
        # version 1, with the path of the host inside a container
        ("5:cpu:/x\n4:memory:/docker/1\n", {"memory/memory.limit_in_bytes": "1500000000"}, 15 * 10**8),
        ("4:hugetlb,memory:/j\n", {"memory/j/memory.limit_in_bytes": "1500000000"}, 15 * 10**8),
        ("4:memory:/\n", {"memory/memory.limit_in_bytes": "9223372036854771712"}, None),
        ("5:cpu:/x\n", {"memory/memory.limit_in_bytes": "1500000000"}, None),
    ],
)
def test_the_smallest_limit_of_its_groups(
    tmp_path: Path, own: str, limits: dict[str, str], memory: int | None
) -> None:
    assert groups(tmp_path, own, limits) == (memory or MACHINE)


def test_without_groups_it_is_the_machines(tmp_path: Path) -> None:
    assert total_memory(tmp_path / "none", tmp_path) == MACHINE


def test_a_system_that_does_not_say_is_told_how_to(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> int:
        raise ValueError(name)

    monkeypatch.setattr(memory.os, "sysconf", unknown)
    with pytest.raises(UsageError, match="memory: 4GB"):
        job_memory(EngineSettings())
    assert job_memory(EngineSettings(memory="1GB")) == 10**9
