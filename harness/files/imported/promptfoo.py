"""A promptfoo config: its prompts, providers and tests. Files that it names are read where they lie in its folder.

No code of it runs: prompts, tests and assertions in JavaScript or Python are told as not carried. What its
variables, `defaultTest` and assertions mean is said by `promptfoo_tests` and `assertions`.
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.files import written
from harness.files.imported.promptfoo_tests import Draft, Tests
from harness.files.imported.providers import provided
from harness.files.imported.templates import translated

_READ = frozenset({
    "$schema", "description", "prompts", "providers", "targets", "tests", "defaultTest", "evaluateOptions", "scenarios",
    "assertionTemplates", "outputPath",
})  # fmt: skip
_CODE = (".js", ".cjs", ".mjs", ".ts", ".py", ".rb", ".go", ".sh")
_TEXTS = (".txt", ".md", ".j2", ".json", ".yaml", ".yml", ".jsonl", ".csv")
EVERYTHING = (("**",),)


class Config:
    """Reads one config into a draft."""

    def __init__(self, path: Path, tree: written.Entries, draft: Draft, expected: str = "") -> None:
        self._path, self._tree, self._draft, self._findings = path, tree, draft, draft.findings
        self._root, self._expected = path.parent.resolve(), expected

    def read(self) -> None:
        """Read all of it."""
        self._draft.description = self._text("description")
        for key, (line, _) in self._tree.entries.items():
            if key not in _READ:
                self._draft.leave(self._path, line, written.shown(key), "is not carried.")
        self._providers()
        self._prompts()
        Tests(self._path, self._draft, self._files, self._expected).read(self._tree)
        options = self._plain("evaluateOptions")
        for key, said in options.items() if isinstance(options, dict) else ():
            value = written.as_text(said)
            if key == "repeat" and value.isdecimal() and 1 <= int(value) <= 1000:
                self._draft.repeats = int(value)
            elif key == "maxConcurrency" and value.isdecimal() and int(value) >= 1:
                for entry in self._draft.models.values():
                    entry["limits"] = {"concurrency": min(int(value), 10_000)}
            else:
                line = self._tree.at(("evaluateOptions", key))[1]
                self._draft.leave(self._path, line, f"evaluateOptions.{written.shown(str(key))}", "is not carried.")

    def _plain(self, key: str) -> Any:  # noqa: ANN401 - whatever a config holds
        line_and_node = self._tree.entries.get(key)
        return None if line_and_node is None else line_and_node[1].value()

    def _text(self, key: str) -> str:
        node = self._tree.entries.get(key, (0, None))[1]
        return node.text if isinstance(node, written.Scalar) else ""

    def _files(self, reference: str, line: int, at: str) -> list[Path]:
        """Give the files that a reference names; one that leaves the config's folder is refused."""
        plain = reference.removeprefix("file://")

        def tell(message: str, fix: str) -> None:
            if "leads out" in message:
                message = f"`{written.shown(reference)}` leads out of the config's folder."
                fix = "Copy the file into it."
            elif fix.startswith("Paths are"):
                fix = "Paths are relative to the config's folder."
            self._findings.add(self._path, line, at, message, fix)

        return written.named_files(plain, self._path.parent, self._root, tell)

    def _providers(self) -> None:
        key = "providers" if "providers" in self._tree.entries else "targets"
        line, node = self._tree.entries.get(key, (0, None))
        for each in node.items if isinstance(node, written.Items) else [node] if node is not None else []:
            found = provided(each.value())
            if found.entry is not None:
                name, number = found.name, 2
                while name in self._draft.models:
                    name, number = f"{found.name}-{number}", number + 1
                self._draft.models[name] = found.entry
            for message in found.left:
                self._draft.leave(self._path, each.line or line, key, f"not carried: {message}")

    def _prompts(self) -> None:
        node = self._tree.entries.get("prompts", (0, None))[1]
        if node is None:
            return
        entries: list[written.Node] = node.items if isinstance(node, written.Items) else [node]
        if isinstance(node, written.Entries):  # {file: label}
            entries = [
                written.Entries(at, {"id": (at, written.Scalar(key, plain=False, line=at)), "label": (at, label)})
                for key, (at, label) in node.entries.items()
            ]
        for number, each in enumerate(entries):
            self._prompt(each, f"prompts[{number}]")

    def _prompt(self, node: written.Node, at: str) -> None:
        label, source, where = "", node, node.line
        if isinstance(node, written.Entries):
            label = written.as_text(node.value(EVERYTHING).get("label"))
            source = node.entries.get("raw", node.entries.get("id", (0, node)))[1]
            for key in node.entries.keys() - {"raw", "id", "label"}:
                self._draft.leave(self._path, node.line, f"{at}.{written.shown(key)}", "is not carried.")
        if not isinstance(source, written.Scalar):
            self._findings.add(self._path, node.line, at, "must be a text, or name a file.", "Write `file://...`.")
            return
        text = source.text
        named = text.startswith("file://") or ("\n" not in text and (_ends(text, _TEXTS) or _ends(text, _CODE)))
        if not named:
            self._add(label or f"v{len(self._draft.prompts) + 1}", text, self._path, where)
            return
        name, _, function = text.removeprefix("file://").partition(":")
        if _ends(name, _CODE):
            said = f"`{written.shown(text)}` is code, and is not run: write its prompt out."
            self._draft.leave(self._path, where, at, said)
            return
        for path in self._files(name, where, at):
            self._file(path, label if not written.is_pattern(name) else "")
        if function:
            said = f"the part `{written.shown(function)}` of it is not carried."
            self._draft.leave(self._path, where, at, said)

    def _file(self, path: Path, label: str) -> None:
        if not _ends(path.name, _TEXTS) or path.suffix in {".csv", ".jsonl"}:
            self._draft.leave(path, None, "", "is no prompt that can be carried.")
            return
        text = written.read_written(path, self._findings)
        if text is None:
            return
        texts = [text]
        if path.suffix == ".txt":
            texts = [part.strip() for part in re.split(r"(?m)^---[ \t\r]*$", text) if part.strip()]
        for number, part in enumerate(texts, start=1):
            stem = label or path.name.partition(".")[0]
            self._add(stem if len(texts) == 1 else f"{stem}-{number}", part, path, 1)

    def _add(self, name: str, text: str, path: Path, line: int) -> None:
        """Add a prompt: chat messages in JSON or YAML, or a text that is one message of the user."""
        messages = self._messages(text, path)
        if not all(map(_is_message, messages)):
            said = f"the prompt `{written.shown(name)}` is not carried: its messages are not all texts with a role."
            self._draft.leave(path, line, "", said)
            return
        translations = [(each["role"], *translated(each["content"])) for each in messages]
        if why := next((why for _, _, why in translations if why), ""):
            self._draft.leave(path, line, "", f"the prompt `{written.shown(name)}` is not carried: {why}")
            return
        plain = re.sub(r"[^\w.-]+", "-", name).strip("-.")[:60] or f"v{len(self._draft.prompts) + 1}"
        unique, number = plain, 2
        while unique.lower() in map(str.lower, self._draft.prompts):
            unique, number = f"{plain}-{number}", number + 1
        self._draft.prompts[unique] = {
            "name": name,
            "messages": [{"role": role, "content": content} for role, content, _ in translations],
        }

    def _messages(self, text: str, path: Path) -> list[Any]:
        """Give the messages of a chat; one of the user where the text is no list of them."""
        found: Any = None
        if text.lstrip().startswith("["):
            with suppress(ValueError, RecursionError):
                found = json.loads(text)
        elif path != self._path and path.suffix in {".yaml", ".yml"}:  # YAML's mistakes make it a text, as there
            node = written.parse_any(text, path, written.Findings())
            found = None if node is None else node.value(EVERYTHING)
        chat = isinstance(found, list) and any(isinstance(each, Mapping) and "role" in each for each in found)
        return found if chat else [{"role": "user", "content": text}]


def _ends(name: str, endings: tuple[str, ...]) -> bool:
    return name.lower().endswith(endings)


def _is_message(value: object) -> bool:
    roles = {"system", "user", "assistant", "developer"}
    return isinstance(value, Mapping) and str(value.get("role")) in roles and isinstance(value.get("content"), str)
