"""Grafana's dashboards as data: their panels, and their queries as Grafana would send them."""

import dataclasses
import json
import re

from support.stack import ROOT

FOLDER = ROOT / "deploy/grafana/dashboards"
PROMETHEUS, POSTGRES = "sluice-prometheus", "sluice-postgres"


@dataclasses.dataclass
class Query:
    dashboard: str
    panel: str
    source: str  # uid of the data source
    text: str    # with Grafana's variables and macros in it
    ref: str = ""

    def __str__(self):
        return f"{self.dashboard}: {self.panel} {self.ref}".strip()


def load_all():
    """File name without its ending -> dashboard."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def panels(dashboard):
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def text_of(target):
    return target.get("expr") or target.get("rawSql")


def queries():
    """Each query of each panel and annotation, and of each variable."""
    found = []
    for name, dashboard in load_all().items():
        for panel in panels(dashboard):
            found += [Query(name, panel["title"], target["datasource"]["uid"], text_of(target), target["refId"])
                      for target in panel["targets"]]
        for variable in dashboard["templating"]["list"]:
            query = variable["query"]
            text = query["query"] if isinstance(query, dict) else query
            found.append(Query(name, f"variable {variable['name']}", variable["datasource"]["uid"], text))
    return found


# What Grafana puts in place of a macro, as far as the dashboards use them. A range of hours, so that a test may be slow.
_WITHIN = r"\1 BETWEEN now() - interval '6 hours' AND now()"
_PER_MINUTE = r"to_timestamp(floor(extract(epoch FROM \1) / 60) * 60) AS time"
_SQL_MACROS = [(r"\$__timeFilter\(([^()]*)\)", _WITHIN), (r"\$__timeGroupAlias\(([^(),]*), \$__interval\)", _PER_MINUTE)]


def expand(text, values):
    """`text` with `values` (name -> text, or a list of texts) for its variables. Fails when any `$` is left."""
    for pattern, replacement in _SQL_MACROS:
        text = re.sub(pattern, replacement, text)
    text = text.replace("$__rate_interval", "1m")
    for name, value in values.items():
        quoted = ",".join("'" + one.replace("'", "''") + "'" for one in ([value] if isinstance(value, str) else value))
        text = text.replace("${%s:singlequote}" % name, quoted)
        plain = value if isinstance(value, str) else "|".join(value)
        text = re.sub(r"\$\{?%s\b\}?" % name, lambda _, plain=plain: plain, text)
    assert "$" not in text, f"this is not known here, though it may be to Grafana: {text}"
    return text
