from gateway.caller import NOBODY
from gateway.upstream.given import Errand


def test_an_errand_is_nobodys_unless_it_says_whose() -> None:
    assert Errand(1.0) == Errand(1.0, {}, NOBODY, None)
