"""The templates of pages, filled in."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import jinja2

from marl_market.evaluation import outcomes
from marl_market.reporting.report import text

PACKAGE = "marl_market.reporting.report"


def render(template: str, package: str = PACKAGE, **values: Any) -> str:
    """Return the page of a template in the `page/` of a package, with its style in it and `values` under their names.

    It may extend and import the templates of this package.
    """
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(each, "page") for each in dict.fromkeys((package, PACKAGE))]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    environment.globals.update(
        number=text.number,
        interval=text.interval,
        decimals_for=text.decimals_for,
        confidence=outcomes.CONFIDENCE,
    )
    style = (files(PACKAGE) / "page" / "report.css").read_text(encoding="utf-8")
    return environment.get_template(template).render(style=style, **values)
