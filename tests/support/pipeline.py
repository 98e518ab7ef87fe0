"""A pipeline of one's own: a copy of a pipeline folder under a new name and topic, so that tests never meet."""

import pathlib
import re
import shutil
import uuid

from support.stack import ROOT


def changed(text, *changes):
    """`text` with the first place of each `old` replaced; (old, new), and old must be there."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


class Pipeline:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        text = self._file.read_text()
        self.name = re.search(r"^pipeline:\s*([a-z0-9-]+)", text, re.M)[1]
        self.source_topic = re.search(r"\btopic:\s*([\w.-]+)", text)[1]

    @property
    def _file(self):
        return self.folder / "pipeline.yaml"

    def edit(self, pattern, replacement):
        """Changes the pipeline file by a regular expression, which must match."""
        text, count = re.subn(pattern, replacement, self._file.read_text(), flags=re.M)
        assert count, f"{pattern!r} is not in {self._file}"
        self._file.write_text(text)

    @property
    def contract(self):
        return self.folder / "contract.odcs.yaml"

    def edit_contract(self, *changes):
        """Changes the contract: pairs of a text that must be in it and what stands there then."""
        self.contract.write_text(changed(self.contract.read_text(), *changes))

    @property
    def generation(self):
        said = re.search(r"^generation:\s*(\d+)", self._file.read_text(), re.M)
        return int(said[1]) if said else 1

    def internal_topic(self, stage):
        return f"sluice.{self.name}.{self.generation}.{stage}"

    def group(self, member):
        """The consumer group of a stage or a sink."""
        return f"sluice.{self.name}.{self.generation}.{member}"

    def __fspath__(self):
        return str(self.folder)

    def __str__(self):
        return str(self.folder)


def find_pipeline(name_or_folder):
    """A folder, or the name of one in pipelines/."""
    folder = pathlib.Path(name_or_folder)
    for candidate in (folder, ROOT / "pipelines" / name_or_folder):
        if (candidate / "pipeline.yaml").is_file():
            return Pipeline(candidate.resolve())
    raise FileNotFoundError(f"no pipeline.yaml in {folder} or {ROOT / 'pipelines' / name_or_folder}")


def copy_pipeline(original, directory):
    """`original` (a name or folder) under a fresh name, reading a topic of its own."""
    source = find_pipeline(original)
    name = f"{source.name[:20]}-{uuid.uuid4().hex[:8]}"
    folder = pathlib.Path(directory) / name
    shutil.copytree(source.folder, folder)
    copy = Pipeline(folder)
    copy.edit(r"^pipeline:.*$", f"pipeline: {name}")
    copy.edit(r"(\btopic:\s*)[\w.-]+", rf"\g<1>{name}-raw")
    return Pipeline(folder)
