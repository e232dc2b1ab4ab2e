"""TypeScript types that generators make from the OpenAPI and AsyncAPI documents."""

from pathlib import Path

import pytest

from tests.generators.conftest import run


@pytest.mark.timeout(600)
def test_a_program_compiles_with_the_generated_types(generated: Path) -> None:
    run(generated, "npx", "tsc", "--noEmit", "--strict", "--target", "es2022", "--moduleResolution", "bundler",
        "--module", "esnext", "program.ts")  # fmt: skip


def test_every_generated_model_has_a_name_of_the_protocol(generated: Path) -> None:
    names = {file.stem for file in (generated / "models").iterdir()}
    assert {"ClientChatMessage", "ServerLlmStreaming", "ServerError"} <= names
    assert not [name for name in names if "Anonymous" in name or "Schema_" in name]
