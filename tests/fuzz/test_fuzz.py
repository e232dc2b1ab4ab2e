"""The short run, as every principal on each server."""

from collections.abc import Iterator

import pytest

from tests.fuzz.findings import faults_of, stored
from tests.fuzz.principals import PRINCIPALS
from tests.fuzz.run import Fuzz, Sending
from tests.fuzz.site import site
from tests.processes import Store, Web

pytestmark = pytest.mark.slow

FRAMES = 120


@pytest.fixture(scope="module", params=["uvicorn", "daphne"])
def sites(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, tuple[Web, Store]]]:
    """A site for each access on each of the servers in turn."""
    folder = tmp_path_factory.mktemp("fuzz")
    with site(request.param, "token", folder) as guarded, site(request.param, "open", folder) as unguarded:
        yield {"token": guarded, "open": unguarded}


def test_frames_of_any_principal_fail_nothing_and_store_only_what_is_valid(sites: dict[str, tuple[Web, Store]]) -> None:
    for access, (web, store) in sites.items():
        sendings = []
        for name in (name for name, principal in PRINCIPALS.items() if principal.access == access):
            fuzz = Fuzz(name, web.address, store.url)
            fuzz.send(FRAMES, seed=0)
            sendings.append(Sending(name, fuzz.sent, fuzz.visits, fuzz.sids))
        found, strays = stored(store, sendings)
        assert [fault for each in found.values() for fault in each.faults] == []
        assert strays + faults_of(web) == []
        assert {name for name, each in found.items() if each.entries} == {
            sending.name for sending in sendings if PRINCIPALS[sending.name].stores
        }
