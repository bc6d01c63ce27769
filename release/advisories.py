"""Known vulnerabilities of what the locks pin, asked of an advisory database by pip-audit.

An answer counts only if the database knows a package that is known to be vulnerable: one that answers “nothing” to everything, as
a proxy may, has not been asked. What was not looked at is never reported as clean.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from release.locked import Pin

# CVE-2020-14343, code execution by loading YAML: every database of advisories for Python has it.
KNOWN = Pin("pyyaml", "5.3")


class NotLookedError(Exception):
    """No database of advisories could be asked, or it did not answer for every package."""


@dataclass(frozen=True)
class Advisory:
    """One known vulnerability of one pinned version."""

    package: str
    version: str
    id: str


def advisories(pins: Sequence[Pin], url: str | None = None) -> list[Advisory]:
    """All that the database knows of these pins; ``url`` is that of another OSV service than the public one."""
    if not _asked([KNOWN], url):
        raise NotLookedError(
            f"the database knows nothing of {KNOWN.name} {KNOWN.version}, which is vulnerable, so its answers mean nothing"
        )
    found: list[Advisory] = []
    for batch in _batches(pins):
        found += _asked(batch, url)
    return found


def _batches(pins: Sequence[Pin]) -> list[list[Pin]]:
    """Lists in which no package has two versions: pip-audit refuses those of a lock for several platforms."""
    batches: list[dict[str, Pin]] = []
    for pin in pins:
        free = next((batch for batch in batches if pin.name not in batch), None)
        if free is None:
            batches.append({pin.name: pin})
        else:
            free[pin.name] = pin
    return [list(batch.values()) for batch in batches]


def _asked(pins: Sequence[Pin], url: str | None) -> list[Advisory]:
    with tempfile.TemporaryDirectory() as folder:
        listed, answer = Path(folder, "pins.txt"), Path(folder, "answer.json")
        listed.write_text("".join(f"{pin.name}=={pin.version}\n" for pin in pins), encoding="utf-8")
        # This format names every package that was looked at; JSON of pip-audit's own is empty where nothing is found.
        command = [
            sys.executable,
            "-m",
            "pip_audit",
            "--requirement",
            str(listed),
            "--disable-pip",
            "--no-deps",
        ]
        command += [
            "--progress-spinner",
            "off",
            "--vulnerability-service",
            "osv",
            *(("--osv-url", url) if url else ()),
        ]
        command += ["--format", "cyclonedx-json", "--output", str(answer)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not answer.exists():  # pip-audit's exit code is 1 both for a finding and for a failure
            said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            raise NotLookedError(said[-1])
        told = json.loads(answer.read_text(encoding="utf-8"))
    refs = {one["bom-ref"]: Pin(one["name"], one["version"]) for one in told.get("components", [])}
    unseen = {(pin.name, pin.version) for pin in pins} - {(pin.name, pin.version) for pin in refs.values()}
    if unseen:
        raise NotLookedError(f"no answer for {', '.join(' '.join(pin) for pin in sorted(unseen))}")
    return [
        Advisory(refs[target["ref"]].name, refs[target["ref"]].version, fault["id"])
        for fault in told.get("vulnerabilities", [])
        for target in fault["affects"]
    ]
