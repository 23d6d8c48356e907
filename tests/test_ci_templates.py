"""The CI templates: they parse, they call commands that exist, and their comment is updated, never repeated."""

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import click
import pytest
import yaml

from controller.entrypoints.cli import cli
from controller.render import plan_document
from controller.render.plan_markdown import marker
from tests.render.conftest import everything

CI = Path(__file__).parent.parent / "deploy" / "ci"

GH = """#!/usr/bin/env python3
# Stands for the gh command: comments in a file, listed as the script's --jq asks for them.
import json, os, sys
arguments, path = sys.argv[1:], os.environ["COMMENTS"]
comments = json.load(open(path))
method = arguments[arguments.index("--method") + 1] if "--method" in arguments else "GET"
if method == "GET":
    for one in comments:
        print(one["id"], one["body"].split("\\n")[0], sep="\\t")
else:
    field = arguments[arguments.index("--field") + 1]
    body = open(field.removeprefix("body=@")).read()
    if method == "POST":
        comments.append({"id": len(comments) + 1, "body": body})
    else:
        next(one for one in comments if str(one["id"]) in arguments[arguments.index("PATCH") + 1])["body"] = body
    json.dump(comments, open(path, "w"))
"""


def plan_file(folder: Path, text: str, controller_id: str = "default") -> Path:
    path = folder / "plan.md"
    path.write_text(f"{marker(controller_id)}\n### {text}\n")
    return path


@pytest.mark.parametrize("name", ["github.yaml", "gitlab.yaml"])
def test_every_command_in_the_templates_exists(name: str) -> None:
    text = (CI / name).read_text()
    yaml.safe_load(text)

    for call in re.findall(r"\breconcile ((?:plan|apply|validate|status|init)\b[^\n>|&;]*)", text):
        command, *words = call.split()
        known = {option for one in cli.commands[command].params if isinstance(one, click.Option) for option in one.opts}
        assert {word for word in words if word.startswith("-")} <= known, call


@pytest.mark.skipif(not shutil.which("jq"), reason="the template uses jq")
def test_the_plan_widget_of_gitlab_has_its_three_numbers(tmp_path: Path) -> None:
    (script,) = [
        line for line in yaml.safe_load((CI / "gitlab.yaml").read_text())["billing-plan"]["script"] if "jq '" in line
    ]
    summary = plan_document.to_document(everything()).summary
    (tmp_path / "plan.json").write_text(plan_document.to_json(everything()))

    subprocess.run(["sh", "-c", script], check=True, cwd=tmp_path)

    assert json.loads((tmp_path / "plan-widget.json").read_text()) == {
        "create": summary.create + summary.adopt,
        "update": summary.update,
        "delete": summary.delete,
    }


def test_the_github_comment_is_made_once_and_updated_after(tmp_path: Path) -> None:
    comments = tmp_path / "comments.json"
    comments.write_text(json.dumps([{"id": 77, "body": "somebody's own words\nand more"}]))
    gh = tmp_path / "gh"
    gh.write_text(GH)
    gh.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "COMMENTS": str(comments),
        "GITHUB_REPOSITORY": "acme/billing",
        "NUMBER": "7",
    }

    for text, controller in (("first", "default"), ("second", "default"), ("other", "blue"), ("third", "default")):
        plan = plan_file(tmp_path, text, controller)
        subprocess.run(["sh", str(CI / "comment-github.sh"), str(plan)], check=True, env=environment)

    bodies = [one["body"] for one in json.loads(comments.read_text())]
    assert [body.splitlines()[1] for body in bodies] == ["and more", "### third", "### other"]


class GitLab(BaseHTTPRequestHandler):
    """The notes of one merge request."""

    notes: list[dict[str, Any]]

    def do_GET(self) -> None:
        page = int(parse_qs(urlsplit(self.path).query)["page"][0])
        self._answer(self.notes[(page - 1) * 100 : page * 100])

    def do_POST(self) -> None:
        self.notes.append({"id": len(self.notes) + 1, "body": self._body()})
        self._answer(self.notes[-1])

    def do_PUT(self) -> None:
        note = next(one for one in self.notes if self.path.endswith(f"/{one['id']}"))
        note["body"] = self._body()
        self._answer(note)

    def _body(self) -> str:
        return parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())["body"][0]

    def _answer(self, document: object) -> None:
        data = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def gitlab() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    GitLab.notes = [{"id": number + 1, "body": "chatter"} for number in range(130)]
    server = ThreadingHTTPServer(("127.0.0.1", 0), GitLab)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/api/v4", GitLab.notes
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.skipif(not (shutil.which("jq") and shutil.which("curl")), reason="the script needs jq and curl")
def test_the_gitlab_note_is_made_once_and_updated_after(
    gitlab: tuple[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    url, notes = gitlab
    environment = {
        **os.environ,
        "CI_API_V4_URL": url,
        "CI_PROJECT_ID": "1",
        "CI_MERGE_REQUEST_IID": "7",
        "COMMENT_TOKEN": "secret",
        "NO_PROXY": "127.0.0.1",
    }

    for text in ("first", "second", "third"):
        plan = plan_file(tmp_path, text)
        subprocess.run(["sh", str(CI / "comment-gitlab.sh"), str(plan)], check=True, env=environment)

    assert len(notes) == 131
    assert notes[-1]["body"].splitlines()[1] == "### third"
