"""What one run of the trial came to: what was sent, what arrived, and what the hub had to ask for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass
class Account:
    """``looked_up`` counts outcomes that were unclear and that the hub resolved by asking the other side; ``wrong`` is
    everything else that must not be (a defect that showed, work left undone)."""

    sent: int = 0
    disturbances: int = 0
    looked_up: int = 0
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def count(self, sent: Iterable[str], arrived: Mapping[str, int]) -> None:
        """Compare what was sent, by its numbers, with how often each number is at its goal."""
        wanted = set(sent)
        found = Counter(arrived)
        self.sent += len(wanted)
        self.lost += sorted(number for number in wanted if not found[number])
        self.twice += sorted(number for number, times in found.items() if times > 1)
        self.wrong += [f"{number} was sent by nobody" for number in sorted(set(found) - wanted)]

    @property
    def faults(self) -> list[str]:
        """Everything that breaks a promise, one line each; empty when all were kept."""
        return [
            *(f"{number} is lost" for number in self.lost),
            *(f"{number} is there more than once" for number in self.twice),
            *self.wrong,
        ]

    def figures(self) -> dict[str, int]:
        """For the table."""
        return {
            "sent": self.sent,
            "disturbances": self.disturbances,
            "lost": len(self.lost),
            "twice": len(self.twice),
            "wrong": len(self.wrong),
            "looked_up": self.looked_up,
        }
