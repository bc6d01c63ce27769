"""What Leadlens brings along: an SBOM, licences that are not allowed, known vulnerabilities.

    make dependencies

Exit codes: 0 all was looked at and is well; 1 a licence is not allowed, or a vulnerability is known; 2 the environment is
not what the locks pin; 3 no database of advisories could be asked, and the rest is well.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from release.advisories import NotLookedError, advisories
from release.licences import refused
from release.locked import read_locked
from release.sbom import sbom

ROOT = Path(__file__).parents[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Say what was found, and how it ended."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--environment", type=Path, default=Path(".venv"), help="where Leadlens is installed")
    parser.add_argument(
        "--project", type=Path, default=ROOT, help="the folder of pyproject.toml and the locks"
    )
    parser.add_argument("--out", type=Path, default=Path("dist"), help="the folder of the SBOM")
    parser.add_argument("--osv-url", help="another OSV service than the public one")
    options = parser.parse_args(arguments)
    try:
        locked = read_locked(options.project, options.environment)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2

    options.out.mkdir(parents=True, exist_ok=True)
    target = options.out / "leadlens.cdx.json"
    target.write_text(sbom(locked, options.project / "pyproject.toml"), encoding="utf-8")
    print(f"SBOM: {target}, {len(locked.pins)} versions of {len(locked.scopes)} packages.")

    lines = refused(locked)
    print(
        f"Licences: {len({pin.name for pin in locked.at_run_time()})} packages are used at run time, {len(lines)} refused."
    )
    print("".join(f"  {line}\n" for line in lines), end="")

    try:
        found = advisories(locked.pins, options.osv_url)
    except NotLookedError as error:
        print(f"Vulnerabilities: NOT CHECKED. No database of advisories could be asked: {error}")
        return 1 if lines else 3
    print(f"Vulnerabilities: {len(locked.pins)} versions looked up, {len(found)} advisories.")
    print("".join(f"  {one.package} {one.version}: {one.id}\n" for one in found), end="")
    return 1 if lines or found else 0


if __name__ == "__main__":
    sys.exit(main())
