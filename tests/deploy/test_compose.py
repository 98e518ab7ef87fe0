"""docker-compose.yaml and what is beside it, as files. What they do together, scripts/test-containers proves."""

import re

from support.stack import ROOT

COMPOSE = (ROOT / "docker-compose.yaml").read_text()


def variables():
    """Name -> default of every variable of the compose file."""
    found = {}
    for name, default in re.findall(r"(?<!\$)\$\{(\w+):-([^}]*)\}", COMPOSE):
        assert found.setdefault(name, default) == default, f"{name} has two defaults"
    return found


def test_every_variable_has_a_default():
    assert not re.findall(r"(?<!\$)\$\{\w+\}|(?<!\$)\$\w+", COMPOSE), "a fresh checkout has no .env"


def test_the_example_names_every_variable_with_its_default():
    example = dict(re.findall(r"^#?(\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.M))
    assert example == variables()


def test_ports_are_published_on_loopback_only():
    ports = re.findall(r"^ +ports: (.*)$", COMPOSE, re.M)
    assert len(ports) >= 4
    assert all(re.fullmatch(r'\["127\.0\.0\.1:\$\{\w+:-\d+\}:\d+"\]', port) for port in ports), ports


def test_mounted_files_are_there():
    for path in re.findall(r"\./([\w./-]+):/", COMPOSE):
        assert (ROOT / path).exists(), path


def test_no_password_is_written_down():
    for name in ("docker-compose.yaml", ".env.example"):
        for line in (ROOT / name).read_text().splitlines():
            match = re.search(r"(?i)passw\w*[=:] *(\S+)", line)
            assert not match or match[1].startswith("/run/secrets/"), f"{name}: {line}"


def test_the_context_has_what_the_build_reads():
    """.dockerignore lets through what it names; every folder that CMake enters has to be among it."""
    allowed = set(re.findall(r"^!([\w./-]+)$", (ROOT / ".dockerignore").read_text(), re.M))
    entered = re.findall(r"add_subdirectory\(([\w/]+)\)", (ROOT / "CMakeLists.txt").read_text())
    assert entered and set(entered) <= allowed


def test_the_image_has_the_manuals_that_unit_tests_read():
    """Its build runs them; .dockerignore lets through what it names."""
    sources = [path for folder in ("libs", "services") for path in (ROOT / folder).rglob("*_test.cc")]
    read = {name for path in sources for name in re.findall(r'"((?:docs|libs|services)/[\w./-]+\.md)"', path.read_text())}
    assert "docs/contract.md" in read
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert read <= let_through
