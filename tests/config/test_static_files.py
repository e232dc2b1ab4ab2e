"""The versioned, compressed static files."""

import re
from pathlib import Path

import httpx
import pytest

from config.static_files import static_version
from tests.processes import Web
from tests.serving.commands import MANAGE, environment, running

STYLESHEET = re.compile(r'href="([^"]*/css/front\.css)"')


def test_the_version_changes_with_the_content_the_name_and_the_folder_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "css").mkdir()
    file = tmp_path / "a.css"
    versions = set()
    for content, name in [("1", "a.css"), ("2", "a.css"), ("2", "b.css"), ("2", "css/b.css")]:
        file = file.rename(tmp_path / name) if file.exists() else file
        file.write_text(content)
        versions.add(static_version(tmp_path))
    assert len(versions) == 4
    assert static_version(tmp_path) in versions


@pytest.mark.slow
async def test_up_serves_whole_compressed_stylesheets_that_browsers_keep(tmp_path: Path) -> None:
    variables = environment(tmp_path, DJANGO_SETTINGS_MODULE="config.settings")
    async with running([*MANAGE, "doqchat_up"], variables) as up, httpx.AsyncClient() as http:
        home = (await up.line("ready: http")).split()[-1]
        stylesheet = re.search(STYLESHEET, (await http.get(home)).text)
        assert stylesheet
        answer = await http.get(httpx.URL(home).join(stylesheet[1]))
    assert answer.headers["Content-Encoding"] == "br"
    assert "--paper:" in answer.text
    assert "@import" not in answer.text
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert int(answer.headers["Content-Length"]) < len(answer.content) / 1.5


@pytest.mark.parametrize(
    ("path", "status"), [("doqchat/js/room.js", 302), ("doqchat/js/none.js", 404), ("../../manage.py", 404)]
)
async def test_a_page_of_an_earlier_version_still_finds_its_modules(server: Web, path: str, status: int) -> None:
    async with httpx.AsyncClient(base_url=server.http) as http:
        stylesheet = re.search(STYLESHEET, (await http.get("/")).text)
        assert stylesheet
        current = stylesheet[1].split("/")[2]
        assert (await http.get(f"/static/{current}/doqchat/js/none.js")).status_code == 404
        answer = await http.get(f"/static/0123456789ab/{path}")
        assert answer.status_code == status
        if status == 302:
            assert answer.headers["Location"] == f"/static/{current}/{path}"
            assert (await http.get(answer.headers["Location"])).status_code == 200
