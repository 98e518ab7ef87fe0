"""The images, each on its own."""

import re

import pytest

from containers.deployment import OURS, docker

IMAGES = [*OURS, "sluicectl"]
each_image = pytest.mark.parametrize("name", IMAGES)
LARGEST = 260_000_000  # bytes; most of it are Debian and Arrow


@pytest.fixture(scope="module")
def image(deployment):
    services = deployment.config()["services"]
    return lambda name: services[name]["image"]


def inspect(image):
    import json
    return json.loads(docker("image", "inspect", image).stdout)[0]


@each_image
def test_image_says_what_it_is(image, name):
    found = inspect(image(name))
    config = found["Config"]
    assert config["User"] == "65532:65532"
    program = config["Entrypoint"]
    assert len(program) == 1 and program[0].startswith("/usr/local/bin/sluice"), "exec form, our program alone"
    assert not config.get("Cmd")
    labels = config["Labels"]
    for label in ("title", "description", "licenses", "version", "revision", "vendor"):
        assert labels[f"org.opencontainers.image.{label}"], label
    if name != "sluicectl":
        assert config["Healthcheck"]["Test"] == ["CMD", program[0], "--probe", "alive"]
    assert found["Size"] < LARGEST, f"{found['Size'] / 1e6:.0f} MB"


@each_image
def test_image_runs_locked(image, name):
    """Nobody's user, nothing to write to, no capability."""
    version = docker("run", "--rm", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "none",
                     image(name), "--version").stdout
    assert re.fullmatch(r"(sluice-)?[\w-]+ \d+\.\d+\.\d+\S*\n", version)


@each_image
def test_image_refuses_nonsense(image, name):
    assert docker("run", "--rm", "--network", "none", image(name), "--no-such-flag", check=False).returncode == 2


def test_images_share_their_layers(image):
    """Packages and Arrow lie on the disk once."""
    layers = [inspect(image(name))["RootFS"]["Layers"] for name in IMAGES]
    assert len({tuple(one[:3]) for one in layers}) == 1, "Debian, packages, libraries"


def test_no_password_in_an_image(image):
    for name in IMAGES:
        assert not re.search(r"(?i)passw|secret|token", "\n".join(inspect(image(name))["Config"]["Env"]))
