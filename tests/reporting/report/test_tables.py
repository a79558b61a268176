from __future__ import annotations

import math

import pandas as pd

from marl_market.reporting.report.tables import group_table


def test_a_rejection_that_was_not_logged_did_not_occur() -> None:
    rows = pd.DataFrame({"group/ppo/orders": [4.0, 2.0], "group/ppo/rejections/would_take": [math.nan, 0.5]})
    table = group_table(rows, "USD")
    assert [label for label, _ in table.header] == ["orders", "rejected: would take (share of orders)"]
    assert [(name, [cell.text for cell in cells]) for name, cells in table.rows] == [("ppo", ["3.00", "0.250"])]
