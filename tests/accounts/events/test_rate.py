"""How often one key may send."""

from django.core.cache import cache

from accounts.events.keys import create_key
from accounts.models import Event


def test_a_key_that_sends_too_often_waits_and_others_do_not(post, track, admin, settings):
    cache.clear()
    settings.EVENTS_RATE = "2/hour"
    assert [post({"batch": [track()]}).status_code for _ in range(3)] == [200, 200, 429]
    refused = post(track(), to="track")
    assert refused.status_code == 429
    assert refused.json()["code"] == "rate_limited"
    assert 0 < int(refused["Retry-After"]) <= 3600
    assert Event.objects.count() == 2
    _, other = create_key(name="App", source="app", by=admin)
    assert post({"batch": [track()]}, key=other).status_code == 200
