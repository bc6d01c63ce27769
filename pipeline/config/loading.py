"""Load a project file: paths are relative to its folder, ``${NAME}`` comes from the environment."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from leadlens.features import UsageError
from leadlens.features.regular_files import refuse_no_file
from leadlens.features.secrets import has_literal_secret, remember_secret, remember_secrets_of
from leadlens.features.yaml_model import load_yaml_model, read_yaml
from leadlens.pipeline.config.model import Project
from leadlens.pipeline.config.section import renamed_settings

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


@dataclass(frozen=True)
class ProjectFile:
    """A loaded project with the place it was loaded from; ``notes`` name the old spellings in the file."""

    path: Path
    project: Project
    notes: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """What relative paths in the file are relative to."""
        return self.path.parent

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits that change with any setting (old and new spellings alike)."""
        text = json.dumps(self.project.canonical(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def literal_secrets(self) -> tuple[str, ...]:
        """A warning for every source or target in which a password is written out."""
        sources = [
            (f"{place}.read", address)
            for place, source in self.project.data.every_place()
            for address in source.reads
        ]
        return tuple(
            f"{self.path.name}: {place} holds a password that everybody who may read the file can read: write ${{NAME}} in "
            "its place and set that environment variable"
            for place, address in (*sources, *self._targets)
            if has_literal_secret(address)
        )

    @property
    def _targets(self) -> list[tuple[str, str]]:
        return [("scores.to", self.project.scores.to), ("crm.to", self.project.crm.to or "")]

    def resolve(self, path: str) -> Path:
        """A path in the file, made absolute. Raises ``UsageError`` for a Windows path on another system."""
        if re.match(r"^[A-Za-z]:[\\/]", path) and os.name != "nt":
            raise UsageError(
                "this is a Windows path, but the system is not Windows",
                value=path,
                where=str(self.path),
                fix="use a path relative to the project file, with forward slashes",
            )
        return (self.folder / path.replace("\\", "/")).absolute() if os.name != "nt" else self.folder / path


ProjectOrPath = ProjectFile | str | Path


def load_project(path: str | Path) -> ProjectFile:
    """Load and check a project file. Raises ``UsageError`` with the line of each mistake."""
    if not isinstance(path, str | os.PathLike):
        raise UsageError(
            "this is neither a project nor the path of one",
            value=path,
            fix='give the path of its file, "my_leads/project.yaml", or what leadlens.load_project makes of it',
        )
    path = Path(path)
    refuse_no_file(path)
    if path.is_dir():
        path = path / "project.yaml"
    project = load_yaml_model(path, Project, "project file")
    settings, _ = read_yaml(path, "project file")
    return ProjectFile(path.absolute(), project, tuple(renamed_settings(Project, settings)))


def as_project(given: ProjectOrPath) -> ProjectFile:
    """A project as it is, or loaded from its path. Raises ``UsageError`` as :func:`load_project` does."""
    return given if isinstance(given, ProjectFile) else load_project(given)


def expand(text: str, where: str) -> str:
    """Replace ``${NAME}`` and ``${NAME:-default}`` by environment variables, whose values are never printed.

    User and password of a URL are taken as they are: what has a meaning in URLs is percent-encoded here.
    """

    def value(match: re.Match[str]) -> str:
        name, default = match[1], match[2]
        found = os.environ.get(name) or default
        if found is None:
            raise UsageError(
                "this environment variable is not set",
                value=name,
                known=[key for key in os.environ if key != name],
                where=where,
                fix=f"export {name}=…  (or write a default: ${{{name}:-…}})",
            )
        # Characters such as @ and / in the password of a URL would change what the URL means.
        secret = _names_user_or_password(text[: match.start()], text[match.end() :])
        return quote(found, safe="") if secret else found

    expanded = _VARIABLE.sub(value, text)
    if "://" in expanded:
        for match in _VARIABLE.finditer(text):
            remember_secret(os.environ.get(match[1]), match[0])
        remember_secrets_of(expanded)
    return expanded


def _names_user_or_password(before: str, after: str) -> bool:
    """Whether what stands between is (part of) the user or the password in ``scheme://user:password@host``.

    >>> _names_user_or_password("pg://ann:", "@host/crm"), _names_user_or_password("pg://", ":${PW}@host")
    (True, True)
    >>> _names_user_or_password("pg://ann:secret@", ":5432/crm"), _names_user_or_password("pg://", "@host")
    (False, False)
    >>> _names_user_or_password("sqlite:///data/", ":day@home.db")
    False
    """
    _, scheme, userinfo = before.rpartition("://")
    if not scheme or re.search(r"[/?#@]", userinfo):
        return False
    # All of user:password in one variable has its colon, which must stay one.
    return bool(
        re.match(r"[^/?#@]*@" if ":" in userinfo else r"[^/?#@]*:[^/?#@]*@", _VARIABLE.sub("", after))
    )


def unexpanded(text: str) -> str:
    """The text for messages: defaults are filled in, values from the environment stay ``${NAME}``."""
    return _VARIABLE.sub(
        lambda match: match[0] if os.environ.get(match[1]) or match[2] is None else str(match[2]), text
    )


def json_schema() -> dict[str, Any]:
    """The JSON Schema of project files, for editors."""
    schema = Project.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Leadlens project", **schema}
