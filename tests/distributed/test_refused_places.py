"""What refuses wrong places is heard by every rank, the first of which holds the store."""

from __future__ import annotations

import datetime
import json
import threading
from dataclasses import asdict

import pytest
from torch.distributed import HashStore

from stilts import distributed
from stilts.errors import StiltsError
from stilts.rendezvous import Place

ONE_GPU = Place("n1", 1, "a")


def test_the_first_rank_waits_until_all_have_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    store = HashStore()
    store.set_timeout(datetime.timedelta(seconds=30))
    monkeypatch.setattr(distributed.c10d, "_get_default_store", lambda: store)
    heard: list[str] = []

    def first_rank() -> None:
        with pytest.raises(StiltsError) as error:
            distributed.refuse_wrong_places(0, 2, ONE_GPU)
        heard.append(str(error.value))

    first = threading.Thread(target=first_rank)
    first.start()
    store.set("stilts/place/1", json.dumps(asdict(ONE_GPU)))
    problem = store.get("stilts/places").decode()
    first.join(0.3)
    assert first.is_alive(), "the store would be gone before rank 1 has heard"
    store.set("stilts/heard/1", "")
    first.join(30)
    assert heard == [problem]
    assert "ranks 0, 1 have one GPU of n1" in problem
