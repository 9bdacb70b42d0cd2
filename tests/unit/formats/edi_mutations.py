"""Messages made wrong in every way that an accident can, for the tests that compare the fast way with the reference."""

from __future__ import annotations

import random
from typing import NamedTuple

from orderhub.formats.edi.tree import GroupNode


def plain(node: GroupNode) -> object:
    """A node without what cannot be compared."""
    index, segments, first, _ = node
    inner = {
        key: [plain(n) for n in value] if isinstance(value, list) else value
        for key, value in sorted(index.items())
    }
    return inner, segments, first


class Mutator(NamedTuple):
    """``trailer``: the last segment with its right count; ``chars`` are put in anywhere, ``tags`` instead of others."""

    end: str
    element: str
    component: str
    trailer: str
    chars: str
    tags: list[str]

    def mutate(self, text: str, rng: random.Random) -> str:
        """:param text: segments with a line end after each terminator."""
        end, plus, colon = self.end, self.element, self.component
        segments = text.split(f"{end}\n")[:-1]
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            at = rng.randrange(len(segments))
            kind = rng.randrange(11)
            if kind == 0 and len(segments) > 1:
                del segments[at]
            elif kind == 1:
                segments.insert(at, segments[rng.randrange(len(segments))])
            elif kind == 2:
                other = rng.randrange(len(segments))
                segments[at], segments[other] = segments[other], segments[at]
            elif kind == 3:
                rest = segments[at].partition(plus)[2]
                segments[at] = rng.choice(self.tags) + plus + rest
            elif kind == 4:
                more = (plus, colon, f"{plus}X", f"{colon}1", end, plus * 3, colon * 2)
                segments[at] = segments[at] + rng.choice(more)
            elif kind == 5:
                parts = segments[at].split(plus)
                del parts[rng.randrange(len(parts))]
                segments[at] = plus.join(parts)
            elif kind == 6:
                segments[at] += rng.choice("A0") * rng.choice((1, 3, 10, 40))
            else:
                segment = segments[at]
                place = rng.randrange(len(segment) + 1)
                cut = place + rng.randrange(2)
                segments[at] = segment[:place] + rng.choice(("", rng.choice(self.chars))) + segment[cut:]
        if rng.random() < 0.5:
            segments[-1] = self.trailer.format(count=len(segments))
        return rng.choice((f"{end}\n", end, f"{end}\r\n")).join([*segments, ""])
