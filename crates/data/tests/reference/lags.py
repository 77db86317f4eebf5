"""Prints the constants of tests/lags.rs: what pandas' shift makes of a small table in no order. Needs pandas alone."""

import io

import pandas as pd

ROWS = """day,team,goals,result
2025-01-15,reds,2,won
2025-01-08,blues,1,lost
2025-01-01,reds,0,lost
2025-01-22,reds,,
2025-01-08T20:00:00Z,reds,3,won
2025-01-01,blues,4,won
2025-01-15,,9,won
2025-02-05,blues,2,drawn
2025-01-29,reds,1,lost
2025-01-22,blues,0,lost
"""

table = pd.read_csv(io.StringIO(ROWS))
table["day"] = pd.to_datetime(table["day"], format="ISO8601", utc=True)
in_order = table.sort_values("day", kind="stable")
groups = in_order.groupby("team", dropna=True)
for column, rows in [("goals", 1), ("goals", 2), ("result", 1)]:
    # A row without a team is in no group, and shift gives it nothing.
    values = groups[column].shift(rows).reindex(table.index)
    told = ["None" if pd.isna(value) else f"Some({value!r})" for value in values]
    kind = "f64" if column == "goals" else "&str"
    text = ", ".join(told).replace("'", '"')
    print(f"const {column.upper()}_LAG_{rows}: [Option<{kind}>; {len(told)}] = [{text}];")
