"""Which licences a package may have that Leadlens brings along, and which package has another one.

Read is what a package declares in its metadata; code of others inside of a wheel is not looked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import Distribution

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from release.locked import Locked

# Permissive, or of public domain. MPL-2.0 asks for the source of its own files, which we do not change.
ALLOWED = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT",
    "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "Unlicense", "ZPL-2.1", "Zlib",
    # Old metadata say no more than that; two or three clauses make no difference here.
    "BSD License",
}  # fmt: skip

# The licence that is let through for one package alone, and why. Another licence of the same package is refused.
EXCEPTIONS: Mapping[str, tuple[str, str]] = {
    "psycopg": (
        "LGPL-3.0-only",
        "imported unchanged from its own wheel, which whoever installs us can replace",
    ),
    "psycopg-binary": ("LGPL-3.0-only", "as psycopg: a wheel of its own, not linked into ours"),
    "pywin32": (
        "PSF-2.0 AND BSD-3-Clause AND LGPL-2.1-or-later",
        "the LGPL is adodbapi's, which nothing here imports",
    ),
}

# What metadata do not say, or of packages that are installed on other platforms only: the licence, and where it stands.
DECLARED: Mapping[str, tuple[str, str]] = {
    "colorama": ("BSD-3-Clause", "LICENSE.txt of 0.4.6; on Windows"),
    "huey": ("MIT", "LICENSE of 3.5.4, a text without its name"),
    "pywin32": ("PSF-2.0 AND BSD-3-Clause AND LGPL-2.1-or-later", "its licence files, of 312; on Windows"),
    "skops": ("MIT", "LICENSE of 0.16.0; its classifier says no more than “OSI Approved”"),
    "tzdata": ("Apache-2.0", "metadata of 2026.6; on Windows"),
    "waitress": ("ZPL-2.1", "LICENSE.txt of 3.0.2; on Windows"),
}

_SPELLINGS = {
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "MIT license": "MIT",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "ISC license": "ISC",
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD 2-Clause License": "BSD-2-Clause",
    "BSD": "BSD License",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}


def licence_of(name: str, package: Distribution | None) -> str | None:
    """An SPDX expression, else the words of a classifier; None where nobody says."""
    return (_from_metadata(package) if package else None) or DECLARED.get(name, (None,))[0]


def refused(locked: Locked) -> list[str]:
    """One line per package that is used at run time and whose licence is not allowed."""
    lines = []
    for name in sorted({pin.name for pin in locked.at_run_time()}):
        licence = licence_of(name, locked.installed.get(name))
        if licence is None:
            lines.append(f"{name}: no licence in its metadata, and none in DECLARED of release/licences.py")
        elif EXCEPTIONS.get(name, ("",))[0] != licence and not set(terms(licence)) <= ALLOWED:
            lines.append(f"{name}: {licence} is not allowed (release/licences.py)")
    return lines


def terms(expression: str) -> list[str]:
    """Every licence that an expression names. That one of several may be chosen is for a person to say, in EXCEPTIONS."""
    plain = expression.replace("(", " ").replace(")", " ")
    return [part.strip() for some in plain.split(" AND ") for part in some.split(" OR ")]


def _from_metadata(package: Distribution) -> str | None:
    declared = package.metadata.get("License-Expression") or package.metadata.get("License") or ""
    expression = _SPELLINGS.get(declared.strip(), declared.strip())
    try:
        return str(canonicalize_license_expression(expression))
    except InvalidLicenseExpression:
        pass  # a whole licence text, or words of the author's own: then the classifiers
    if expression in ALLOWED:
        return expression
    classifiers = package.metadata.get_all("Classifier") or []
    named = {
        words.rpartition(" :: ")[2]
        for words in classifiers
        if words.startswith("License :: OSI Approved :: ")
    }
    # Classifiers do not say whether several are a choice. All of them count, which can only refuse too much.
    return " AND ".join(sorted(_SPELLINGS.get(words, words) for words in named)) or None
