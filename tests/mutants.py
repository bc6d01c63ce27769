"""Put one small error at a time into the code, in a copy, and see whether the tests of that code notice.

    make mutants            # the named errors, and a seeded sample of 60
    make mutants N=200

Own, because half of what these modules decide stands in SQL: cosmic-ray 8 changes no text and changes files in
place; mutmut 3 calls each function through another one, with which the clean tests of training do not pass.
Errors are chosen by what the code says, never by line, so that they outlive a move.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.util import cache_from_source
from pathlib import Path
from queue import SimpleQueue

from tests.mutant_operators import Change, changes

ROOT = Path(__file__).parents[1]
# What is changed, and the tests that must notice, the quickest first.
GROUPS = {
    "pipeline/dataset/*.py": (
        "tests/pipeline/test_time_split*.py",
        "tests/pipeline/test_training_set*.py",
        "tests/pipeline/test_lead_sample.py",
        "tests/pipeline/test_judged_rows.py",
        "tests/pipeline/test_score*_leads*.py",
        "tests/pipeline/test_lead_scores*.py",
        "tests/laws/test_corridor_laws.py",
        "tests/pipeline/test_saved_matrix.py",
        "tests/pipeline/test_jobs.py",
    ),
    "models/training.py": (
        "tests/models/test_training*.py",
        "tests/models/test_lead_model.py",
        "tests/models/test_weights.py",
    ),
    "models/judging/*.py": (
        "tests/models/test_judging*.py",
        "tests/models/test_chances.py",
        "tests/laws/test_replay_laws.py",
        "tests/pipeline/test_report.py",
    ),
    "pipeline/jobs/*.py": (
        "tests/pipeline/test_saved_matrix.py",
        "tests/pipeline/test_audit_job.py",
        "tests/pipeline/test_cli.py",
        "tests/pipeline/test_jobs.py",
    ),
    "pipeline/jobs/scorecard/*.py": (
        "tests/pipeline/test_feedback_job.py",
        "tests/pipeline/test_scorecard_jobs.py",
        "tests/pipeline/test_scorecard_cli.py",
    ),
    "pipeline/writeback/*.py": ("tests/pipeline/test_writeback*.py",),
}


@dataclass(frozen=True)
class Mutant:
    """A file with one change; ``group`` says whose tests run."""

    group: str
    path: str
    line: int
    change: str
    text: str
    old: str
    new: str


@dataclass(frozen=True)
class Named:
    """An error that was made on purpose once and seen by no test. ``old`` must stand in the file exactly once."""

    name: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]


_MODEL = ("tests/models/test_training*.py", "tests/models/test_lead_model.py")
NAMED = (
    Named("features planned on all rows", "pipeline/dataset/training_set.py",
          "plan_features(history, split.train, ", "plan_features(history, split.both, ",
          ("tests/pipeline/test_training_set.py",)),
    Named("embargo switched off", "pipeline/dataset/time_split.py",
          '!= "none" and embargo:', '== "" and embargo:', ("tests/pipeline/test_time_split.py",)),
    Named("own probability of disqualified leads ignored", "models/prediction.py",
          'fitted["disqualified"], probability)', "probability, probability)",
          ("tests/pipeline/test_judged_rows.py",)),
    Named("sign of the trend reversed", "pipeline/dataset/lead_scores.py",
          'points > 0, "rising", "falling"', 'points > 0, "falling", "rising"',
          ("tests/pipeline/test_lead_scores.py",)),
    Named("smaller reasons shown as 0", "models/reasons.py",
          '(len(members) - kept), rest,', '(len(members) - kept), 0.0,', ("tests/models/test_reasons.py",)),
    Named("base rate of the latest rows not applied", "models/fitting.py",
          "shift=intercept_shift(margin, label, weight=latest.weight)", "shift=model.calibration.shift", _MODEL),
    Named("weights of a sample not learned by", "pipeline/dataset/learning.py",
          "weight=rows.train_weight,", "weight=None,", ("tests/pipeline/test_sampled_training.py",)),
    Named("out-of-time rows sampled by their outcome", "pipeline/dataset/lead_sample.py",
          "CASE WHEN part = 'test' THEN 'all' WHEN won", "CASE WHEN won", ("tests/pipeline/test_lead_sample.py",)),
    Named("leads that left stay on the lists", "models/judging/replay.py",
          "until = np.minimum(until, np.where(np.isnat(left), beyond, gone))", "gone[:] = beyond",
          ("tests/laws/test_replay_laws.py",)),
    Named("leads called again", "models/judging/replay_kernel.py",
          "waiting[who] -= taken", "waiting[who] -= 0.0", ("tests/laws/test_replay_laws.py",)),
    Named("the sheet's unit taken for certain", "models/judging/verdicts.py",
          "math.hypot((high - low) / 2, points_half)", "(high - low) / 2", ("tests/models/test_judging_audit.py",)),
    Named("data findings do not decide", "models/judging/trust.py",
          'str(worst["message"]), decides=True)', 'str(worst["message"]))', ("tests/models/test_judging_compare.py",)),
    Named("worst window taken", "models/validation.py", "min(costs, key=", "max(costs, key=", _MODEL),
)  # fmt: skip


def named(root: Path) -> Iterator[Mutant]:
    """The named errors. Raises ``SystemExit`` where the code no longer holds one exactly once."""
    for each in NAMED:
        text = (root / each.path).read_text(encoding="utf-8") if (root / each.path).exists() else ""
        if text.count(each.old) != 1:
            raise SystemExit(f"{each.name}: {each.old!r} stands {text.count(each.old)} times in {each.path}")
        line = text[: text.index(each.old)].count("\n") + 1
        yield Mutant(
            each.name, each.path, line, "named", text.replace(each.old, each.new), each.old, each.new
        )


def sampled(root: Path, count: int, seed: int, only: str) -> Iterator[Mutant]:
    """``count`` changes, as many of each group and of each kind; the same for equal code and seed."""
    groups = [group for group in GROUPS if only in group]
    for turn, group in enumerate(groups):
        draw = random.Random(f"{seed} {group}")
        by_kind: dict[str, list[tuple[str, Change]]] = {}
        for path in sorted(root.glob(group)):
            for change in changes(path.read_text(encoding="utf-8")):
                by_kind.setdefault(change[1], []).append((str(path.relative_to(root)), change))
        # Each kind in turn: there are many arguments to swap, and any test sees that.
        ranked = [
            (at, draw.random(), found)
            for kind in by_kind.values()
            for at, found in enumerate(_mixed(kind, draw))
        ]
        share = count // len(groups) + (turn < count % len(groups))
        for _, _, (path, (line, kind, whole, old, new)) in sorted(ranked, key=lambda each: each[:2])[:share]:
            yield Mutant(group, path, line, kind, whole, old, new)


def _mixed(found: list[tuple[str, Change]], draw: random.Random) -> list[tuple[str, Change]]:
    return draw.sample(found, len(found))


def tests_of(root: Path, group: str) -> tuple[str, ...]:
    patterns = GROUPS[group] if group in GROUPS else next(n.tests for n in NAMED if n.name == group)
    found = [str(path.relative_to(root)) for pattern in patterns for path in sorted(root.glob(pattern))]
    if not found:
        raise SystemExit(f"no test matches {patterns}")
    return tuple(dict.fromkeys(found))


def run(tree: Path, tests: tuple[str, ...], limit: float) -> tuple[str, str]:
    """``killed``, ``survived`` or ``timeout``, and the test that noticed."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "--no-header", "-p", "no:cacheprovider",
               "-p", "no:randomly", *tests]  # fmt: skip
    env = os.environ | {"PYTHONPATH": str(tree), "LEADLENS_EXAMPLES": "10", "OMP_NUM_THREADS": "1", "CI": ""}
    try:
        done = subprocess.run(
            command, cwd=tree, env=env, capture_output=True, text=True, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        return "timeout", ""
    noticed = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    return ("killed" if done.returncode else "survived"), noticed[1] if noticed else ""


def copy_of(root: Path, folder: Path) -> Path:
    unwanted = shutil.ignore_patterns(".git", ".venv", ".leadlens", "demo", ".hypothesis", ".*_cache")
    return Path(shutil.copytree(root, folder / "tree", ignore=unwanted))


def attempt(
    mutant: Mutant, tests: tuple[str, ...], trees: SimpleQueue[Path], limits: dict[tuple[str, ...], float]
) -> dict[str, object]:
    """Put a change into one of the copies, run its tests, and take it out again."""
    tree, began = trees.get(), time.monotonic()
    path = tree / mutant.path
    clean = path.read_bytes()
    try:
        path.write_text(mutant.text, encoding="utf-8")
        Path(cache_from_source(str(path))).unlink(missing_ok=True)
        result, test = run(tree, (*tests, mutant.path), limits[tests])
    finally:
        path.write_bytes(clean)
        Path(cache_from_source(str(path))).unlink(missing_ok=True)
        trees.put(tree)
    print(
        f"{result:9} {mutant.path}:{mutant.line} {mutant.change}: {_line(mutant.old)} → {_line(mutant.new)}",
        flush=True,
    )
    told = {name: value for name, value in asdict(mutant).items() if name != "text"}
    return told | {"result": result, "test": test, "seconds": round(time.monotonic() - began, 1)}


def _line(code: str) -> str:
    return " ".join(code.split())[:90]


def table(results: list[dict[str, object]]) -> str:
    """Counts per group, then every error, survivors first, as Markdown."""
    lines = ["| code | errors | noticed | survived |", "|---|---|---|---|"]
    groups = dict.fromkeys(str(each["group"] if each["change"] != "named" else "named") for each in results)
    for group in groups:
        mine = [each for each in results if group in (each["group"], each["change"])]
        lived = sum(each["result"] == "survived" for each in mine)
        lines.append(f"| {group} | {len(mine)} | {len(mine) - lived} | {lived} |")
    lines += ["", "| result | where | change | noticed by |", "|---|---|---|---|"]
    for each in sorted(results, key=lambda each: (each["result"] != "survived", str(each["path"]))):
        old, new = (
            f"`{' '.join(str(each[side]).split()).replace('|', '¦')[:90]}`" for side in ("old", "new")
        )
        what = each["group"] if each["change"] == "named" else each["change"]
        lines.append(
            f"| {each['result']} | {each['path']}:{each['line']} | {what}: {old} → {new} | {each['test']} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("-n", type=int, default=60, help="how many beside the named ones")
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--only", default="", help="part of a group's name")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=ROOT / ".leadlens" / "mutants")
    asked = parser.parse_args()
    chosen = [*(named(ROOT) if not asked.only else ()), *sampled(ROOT, asked.n, asked.seed, asked.only)]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(asked.jobs) as pool:
        trees: SimpleQueue[Path] = SimpleQueue()
        for number in range(asked.jobs):
            trees.put(copy_of(ROOT, Path(folder) / str(number)))

        def clean(names: tuple[str, ...]) -> float:
            tree, began = trees.get(), time.monotonic()
            result, test = run(tree, names, 1800)
            trees.put(tree)
            if result != "survived":
                raise SystemExit(f"tests fail without any error put in: {test or names}")
            return 30 + 3 * (time.monotonic() - began)

        tests = {mutant.group: tests_of(ROOT, mutant.group) for mutant in chosen}
        distinct = list(dict.fromkeys(tests.values()))
        limits = dict(zip(distinct, pool.map(clean, distinct), strict=True))
        results = list(pool.map(lambda mutant: attempt(mutant, tests[mutant.group], trees, limits), chosen))
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "mutants.json").write_text(
        json.dumps(results, indent=1, ensure_ascii=False), encoding="utf-8"
    )
    (asked.out / "mutants.md").write_text(table(results) + "\n", encoding="utf-8")
    print(table(results))


if __name__ == "__main__":
    main()
