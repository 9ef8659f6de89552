"""Which call is held next: pure, so that it can be tested without holding any."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

MAX_SPOILT = 3
"""So often is a cell's call held again when the machine spoilt it; then the cell waits."""
OVERHEAD_S = 6.0
"""Beside the call itself: two browsers start, and hand over what they recorded."""


@dataclass(frozen=True, order=True)
class Cell:
    """A link, a pair of ends (offerer, answerer) and the lines of the film."""

    condition: str
    pair: str
    film: int


def all_cells(conditions: Sequence[str], pairs: Sequence[str], films: Sequence[int]) -> list[Cell]:
    """Return the cells, most important first: by film, then by link, then by pair."""
    return [Cell(link, pair, film) for film in films for link in conditions for pair in pairs]


def blocks_of(cells: Iterable[Cell]) -> list[list[Cell]]:
    """Group cells by film and link, in the order of the first of each."""
    blocks: dict[tuple[int, str], list[Cell]] = {}
    for cell in cells:
        blocks.setdefault((cell.film, cell.condition), []).append(cell)
    return list(blocks.values())


def fitting(
    cells: Sequence[Cell], cost_s: Callable[[Cell], float], budget_s: float, rounds: int
) -> list[Cell]:
    """Return the most important cells of which so many rounds fit into the time.

    Links are taken or left whole: a pair means little without the others beside it.
    """
    chosen: list[Cell] = []
    spent_s = 0.0
    for block in blocks_of(cells):
        block_s = rounds * sum(cost_s(cell) for cell in block)
        if spent_s + block_s > budget_s:
            continue  # a shorter one further down may still fit
        chosen += block
        spent_s += block_s
    return chosen


def order_of_round(cells: Iterable[Cell], seed: int, number: int) -> list[Cell]:
    """Shuffle a round: links among themselves, and the pairs within each link.

    The pairs of a link stay together, so that a change of the machine meets all of them.
    """
    shuffle = random.Random(f"{seed}/{number}")
    order = blocks_of(sorted(cells))
    shuffle.shuffle(order)
    for block in order:
        shuffle.shuffle(block)
    return [cell for block in order for cell in block]


def next_call(
    cells: Sequence[Cell],
    calls: Iterable[tuple[Cell, int, bool]],
    rounds: int,
    seed: int,
    fits: Callable[[Sequence[Cell]], Sequence[Cell]] = lambda missing: missing,
) -> tuple[Cell, int] | None:
    """Return the cell and round that come next; None when all is done or no time is left.

    Always of the earliest round that is not complete, so that all cells have equal counts whenever
    the time is up; in the last round, which there is no time to complete, the most important links are
    complete. A cell that was spoilt too often is left out.

    Args:
        cells: Most important first.
        calls: Those so far: cell, round, and whether it counts.
        rounds: How many are wanted.
        seed: Of the order within a round.
        fits: Told what a round still lacks, most important first, returns what there is time for.
    """
    done, spoilt = _rounds_done(calls)
    for number in range(1, rounds + 1):
        missing = [
            cell
            for cell in cells
            if number not in done.get(cell, set()) and spoilt[cell, number] < MAX_SPOILT
        ]
        wanted = set(fits(missing)) if missing else set()
        for cell in order_of_round(cells, seed, number):
            if cell in wanted:
                return cell, number
        if missing:
            return None
    return None


def _rounds_done(
    calls: Iterable[tuple[Cell, int, bool]],
) -> tuple[dict[Cell, set[int]], Counter[tuple[Cell, int]]]:
    """Sort calls into the rounds that each cell has, and how often each was spoilt."""
    done: dict[Cell, set[int]] = {}
    spoilt: Counter[tuple[Cell, int]] = Counter()
    for cell, number, kept in calls:
        if kept:
            done.setdefault(cell, set()).add(number)
        else:
            spoilt[cell, number] += 1
    return done, spoilt
