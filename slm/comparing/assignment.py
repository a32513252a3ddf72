"""The assignment that is best as a whole: every row a column of its own. Knows only numbers.

The Hungarian method as shortest augmenting paths (Jonker & Volgenant 1987): rows are given the
column they like best where it is free; for each other row a path of exchanges is found that costs
least. A few thousand rows take seconds, because each step is one pass of numpy over a row.
"""

import numpy as np
from jaxtyping import Float, Int64


def assign(worth: Float[np.ndarray, "row column"]) -> Int64[np.ndarray, "pair 2"]:
    """Pairs (row, column) whose worth sums to the most; as many as the shorter side has, by row."""
    rows, columns = worth.shape
    if rows > columns:
        swapped = assign(worth.T)[:, ::-1]
        return swapped[np.argsort(swapped[:, 0])]
    cost = -np.asarray(worth, dtype=np.float64)
    price_row, price_column = cost.min(1), np.zeros(columns)
    row_of = np.full(columns, -1)
    waiting = []
    for row, column in enumerate(cost.argmin(1).tolist()):
        if row_of[column] < 0:
            row_of[column] = row
        else:
            waiting.append(row)
    for row in waiting:
        _exchange(cost, price_row, price_column, row_of, row)
    taken = np.flatnonzero(row_of >= 0)
    pairs = np.stack([row_of[taken], taken], axis=1)
    return pairs[np.argsort(pairs[:, 0])]


def _exchange(
    cost: Float[np.ndarray, "row column"],
    price_row: Float[np.ndarray, "row"],
    price_column: Float[np.ndarray, "column"],
    row_of: Int64[np.ndarray, "column"],
    start: int,
) -> None:
    """Give `start` a column, others exchanging theirs along the cheapest path. Changes in place."""
    columns = cost.shape[1]
    way = np.full(columns, np.inf)  # cost of the cheapest path to each column
    before = np.full(columns, -1)  # the row it comes from
    done = np.zeros(columns, dtype=bool)
    had: dict[int, int] = {}  # the column that each row on the way gives up
    row, length = start, 0.0
    while True:
        through = length + cost[row] - price_row[row] - price_column
        better = ~done & (through < way)
        way[better], before[better] = through[better], row
        column = int(np.where(done, np.inf, way).argmin())
        length = float(way[column])
        done[column] = True
        if row_of[column] < 0:
            break
        row = int(row_of[column])
        had[row] = column
    price_row[start] += length
    for other, column_of_other in had.items():
        price_row[other] += length - way[column_of_other]
        price_column[column_of_other] -= length - way[column_of_other]
    while True:
        row = int(before[column])
        row_of[column] = row
        if row == start:
            return
        column = had[row]
