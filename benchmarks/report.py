"""Samples, paired ratios, and how they are shown."""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Row:
    """One comparison. Times in milliseconds unless `unit` says otherwise; `ratio` is peer ÷ ours, above 1 is in our favour."""

    goal: str
    what: str
    ours: float
    peer: float | None = None
    ratio: float | None = None
    unit: str = "ms"
    floor: str = ""
    met: bool | None = None
    note: str = ""


@dataclass
class Report:
    name: str
    rows: list[Row] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)

    def add(self, goal: str, what: str, ours: float, peer: float | None = None, **more: Any) -> Row:
        row = Row(goal, what, round(ours, 3), None if peer is None else round(peer, 3), **more)
        if row.ratio is None and peer is not None and ours:
            row.ratio = round(peer / ours, 2)
        self.rows.append(row)
        return row

    def write(self, path: Path) -> None:
        machine = {
            "python": platform.python_version(),
            "cores": os.cpu_count(),
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        path.write_text(json.dumps({"name": self.name, "machine": machine, **asdict(self)}, indent=2) + "\n")

    def table(self) -> str:
        head = ("goal", "what", "ours", "peer", "ratio", "floor", "met", "note")
        lines = [head]
        for row in self.rows:
            peer = "" if row.peer is None else f"{row.peer:g} {row.unit}"
            ratio = "" if row.ratio is None else f"{row.ratio:g}"
            met = {True: "yes", False: "NO", None: ""}[row.met]
            lines.append((row.goal, row.what, f"{row.ours:g} {row.unit}", peer, ratio, row.floor, met, row.note))
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        shown = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        ]
        return "\n".join([f"== {self.name}", *shown, ""])


def percentile(samples: list[float], share: float) -> float:
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def interleave(rounds: int, *sides: Callable[[], Any]) -> list[list[float]]:
    """Milliseconds of each side, called in turn: drift of the machine meets all of them alike. One round warms up."""
    samples: list[list[float]] = [[] for _ in sides]
    for number in range(rounds + 1):
        for side, taken in zip(sides, samples, strict=True):
            started = time.perf_counter()
            side()
            if number:
                taken.append((time.perf_counter() - started) * 1000)
    return samples


def paired_ratio(ours: list[float], peer: list[float]) -> float:
    return round(statistics.median(b / a for a, b in zip(ours, peer, strict=True)), 2)
