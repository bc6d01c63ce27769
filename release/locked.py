"""What the locks pin, and who needs it: Leadlens, one of its extras, or its developers alone.

Names and versions come from the locks, needs and licences from the packages' own metadata, as they are installed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCKS = ("requirements.lock", "requirements-spark.lock")
_PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^\s;\\]+)(?:\s*;\s*(?P<marker>[^\\]+?))?\s*\\?$")
_HASH = re.compile(r"^\s+--hash=sha256:([0-9a-f]{64})\s*\\?$")
# A lock is for every platform, an environment for one: a need that any of these has is a need.
_ELSEWHERE = [
    {"sys_platform": system, "platform_system": name, "os_name": os, "python_version": python}
    | {"python_full_version": f"{python}.0"}
    for system, name, os in (
        ("linux", "Linux", "posix"),
        ("darwin", "Darwin", "posix"),
        ("win32", "Windows", "nt"),
    )
    for python in ("3.11", "3.12", "3.13")
]


class Scope(Enum):
    """Who needs a package; the words of CycloneDX."""

    REQUIRED = "required"  # whoever installs Leadlens
    OPTIONAL = "optional"  # who installs one of its extras
    EXCLUDED = "excluded"  # who develops it


@dataclass(frozen=True)
class Pin:
    """One version of one package in a lock."""

    name: str
    version: str
    marker: str | None = None
    hashes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Locked:
    """All pins, who needs them, and what each package needs itself."""

    pins: tuple[Pin, ...]
    asked: frozenset[str]  # what pyproject.toml names
    scopes: Mapping[str, Scope]
    needs: Mapping[str, frozenset[str]]
    installed: Mapping[str, Distribution] = field(repr=False)

    def at_run_time(self) -> list[Pin]:
        """Without what developers alone install."""
        return [pin for pin in self.pins if self.scopes[pin.name] is not Scope.EXCLUDED]


def read_locked(project: Path, environment: Path) -> Locked:
    """The pins of a project's locks, beside what the packages of an environment say of themselves."""
    (site_packages,) = environment.glob("lib/python*/site-packages")
    pins = tuple(pin for lock in LOCKS for pin in _pins_of(project / lock))
    names = {pin.name for pin in pins}
    installed = {canonicalize_name(found.name): found for found in distributions(path=[str(site_packages)])}
    said = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [Requirement(text) for text in said["dependencies"]]
    extras = [Requirement(text) for texts in said.get("optional-dependencies", {}).values() for text in texts]
    required, optional = _closure(asked, names, installed), _closure(extras, names, installed)
    chosen = {name: required.get(name, set()) | optional.get(name, set()) for name in {*required, *optional}}
    for pin in pins:
        if pin.name in chosen and (pin.marker is None or Marker(pin.marker).evaluate()):
            here = installed[pin.name].version if pin.name in installed else "none"
            if here != pin.version:
                raise ValueError(
                    f"{pin.name} {pin.version} is pinned and {here} installed in {site_packages}: what it needs, and its "
                    "licence, are read there. `make setup` and `make spark` install what is pinned"
                )
    scopes = {
        name: Scope.REQUIRED if name in required else Scope.OPTIONAL if name in optional else Scope.EXCLUDED
        for name in names
    }
    needs = {
        name: frozenset(
            canonicalize_name(need.name) for need in _needs(installed.get(name), chosen.get(name, ()))
        )
        & names
        for name in names
    }
    return Locked(
        pins, frozenset(canonicalize_name(need.name) for need in (*asked, *extras)), scopes, needs, installed
    )


def closure_here(
    pyproject: Path, site_packages: Path, extra: str | None = None, without: str | None = None
) -> set[str]:
    """What is installed on this machine with Leadlens, or with one of its extras beside it; or if it did not ask for one package."""
    said = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    asked = [*said["dependencies"], *(said["optional-dependencies"][extra] if extra else ())]
    installed = {canonicalize_name(found.name): found for found in distributions(path=[str(site_packages)])}
    here = [default_environment()]
    needs = [need for need in map(Requirement, asked) if canonicalize_name(need.name) != without]
    return set(_closure(needs, set(installed), installed, here))


def _pins_of(lock: Path) -> list[Pin]:
    """Every pin; a line that is neither pin nor hash is an error, so that no package is overlooked."""
    found: list[Pin] = []
    for number, line in enumerate(lock.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        if pinned := _PIN.match(line):
            found.append(Pin(canonicalize_name(pinned["name"]), pinned["version"], pinned["marker"], ()))
        elif (digest := _HASH.match(line)) and found:
            last = found.pop()
            found.append(Pin(last.name, last.version, last.marker, (*last.hashes, digest[1])))
        else:
            raise ValueError(f"{lock.name}, line {number}: {line!r} is neither a pinned package nor its hash")
    return found


def _closure(
    asked: Iterable[Requirement],
    names: set[str],
    installed: Mapping[str, Distribution],
    places: Sequence[Mapping[str, str]] = _ELSEWHERE,
) -> dict[str, set[str]]:
    """All that is installed with what is asked for, as far as the locks know it, and with which of its extras."""
    waiting = list(asked)
    chosen: dict[str, set[str]] = {}
    while waiting:
        need = waiting.pop()
        name = canonicalize_name(need.name)
        if name not in names:
            raise ValueError(f"{name} is needed and in no lock: `make lock` renews them")
        if name in chosen and need.extras <= chosen[name]:
            continue
        chosen[name] = chosen.get(name, set()) | need.extras
        below = _needs(installed.get(name), chosen[name], places)
        waiting += [one for one in below if canonicalize_name(one.name) in names]
    return chosen


def _needs(
    package: Distribution | None, extras: Iterable[str], places: Sequence[Mapping[str, str]] = _ELSEWHERE
) -> list[Requirement]:
    """What a package with these extras asks for in any of some places; nothing is known of one that is not installed here."""
    asked = [Requirement(text) for text in (package.requires if package else None) or ()]
    return [
        need
        for need in asked
        if need.marker is None
        or any(need.marker.evaluate({**place, "extra": extra}) for place in places for extra in ("", *extras))
    ]
