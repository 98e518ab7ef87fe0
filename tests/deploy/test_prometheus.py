"""The rules of Prometheus: by promtool, and what it does not look at."""

import re
import subprocess

import pytest

from support.stack import ROOT, deps_dir

FOLDER = ROOT / "deploy/prometheus"
ALERTS = re.findall(r"^ +- alert: (\w+)$", (FOLDER / "rules/alerts.yml").read_text(), re.M)


def promtool(*arguments):
    done = subprocess.run([deps_dir() / "bin/promtool", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_configuration_and_rules_are_valid():
    rules = sorted((FOLDER / "rules").glob("*.yml"))
    assert "SUCCESS" in promtool("check", "rules", *rules)
    assert "SUCCESS" in promtool("check", "config", "--syntax-only", FOLDER / "prometheus.yml")


def test_each_alert_fires_and_stays_silent():
    """The cases are in deploy/prometheus/tests; each says in its name which alert it is about, and what it expects."""
    cases = (FOLDER / "tests/alerts.yml").read_text()
    for alert in set(ALERTS):
        assert re.search(rf"name: {alert} (fires|warns)\b", cases), f"{alert}: no case in which it fires"
        assert re.search(rf"name: {alert} stays silent\b", cases), f"{alert}: no case in which it stays silent"
    assert "SUCCESS" in promtool("test", "rules", FOLDER / "tests/alerts.yml")


@pytest.mark.parametrize("alert", sorted(set(ALERTS)))
def test_an_alert_says_what_to_do(alert):
    text = (FOLDER / "rules/alerts.yml").read_text()
    blocks = re.split(r"^ +- alert: ", text, flags=re.M)[1:]
    for block in blocks:
        if not re.match(rf"{alert}\b", block):
            continue
        assert re.search(r"labels: \{severity: (critical|warning)[,}]", block)
        assert "summary: " in block and "description: " in block
        assert f"runbook_url: deploy/prometheus/runbooks/{alert}.md" in block
    page = (FOLDER / f"runbooks/{alert}.md").read_text()
    assert page.startswith(f"# {alert}\n") and "**Look**" in page and "**Do**" in page
    for link in re.findall(r"\]\(([\w./-]+)\)", page):
        assert (FOLDER / "runbooks" / link).is_file(), f"{alert}.md links to {link}"


def test_no_page_without_an_alert():
    assert {page.stem for page in (FOLDER / "runbooks").glob("*.md")} == set(ALERTS)
