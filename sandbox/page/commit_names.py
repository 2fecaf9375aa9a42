"""Commits as GitHub names them, for whatever else on the page carries a hash."""

from __future__ import annotations

import re
from typing import Any

from sandbox.github import GitHubSimulator
from sandbox.kit import Json

LABEL = re.compile(r"sha-([0-9a-f]{40})")


class CommitNames:
    """Names by hash; `revision` grows whenever any may have changed."""

    def __init__(self, github: GitHubSimulator) -> None:
        self._github = github
        self._seen: list[Any] = []
        self._names: dict[str, Json] = {}
        self.revision = 0

    def look(self) -> None:
        """Take note of what was pushed since."""
        repositories = self._github.world.repositories.values()
        seen = [(each.id, len(each.git.commits), dict(each.git.refs)) for each in repositories]
        if seen == self._seen:
            return
        self._seen, self.revision = seen, self.revision + 1
        self._names = {}
        for repository in repositories:
            git = repository.git
            self._names |= {sha: {"short": sha[:7], "title": c.title, "tag": ""} for sha, c in git.commits.items()}
            for tag, sha in git.tag_refs().items():
                tagged = git.peel(sha)
                if tagged is not None:
                    self._names[tagged.sha]["tag"] = tag

    def of(self, text: str | None) -> Json | None:
        """The commit whose label stands in a text such as an image's reference; None where there is no label."""
        found = LABEL.search(text or "")
        if found is None:
            return None
        return self._names.get(found[1]) or {"short": found[1][:7], "title": "", "tag": ""}
