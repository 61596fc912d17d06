"""The commands `erase_user` and `export_user`."""

import json
import os
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from activity.services import relations
from activity.store import get_store
from finishd.privacy import services as privacy
from finishd.privacy.models import Erasure
from finishd.privacy.tests.people import LIKED, make_busy, open_feeds
from finishd.testing.api import get_feed

pytestmark = [
    pytest.mark.slow_on_firestore,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]


class TestCommands:
    def test_the_command_asks_for_confirmation(self, monkeypatch: pytest.MonkeyPatch) -> None:
        relations.set_relation("ama", "movie:1", LIKED, source=None, now=time.time())
        monkeypatch.setattr("builtins.input", lambda prompt: "no")
        with pytest.raises(CommandError, match="Nothing was erased"):
            call_command("erase_user", "ama", stdout=StringIO())
        assert get_store().get_profile("ama") is not None
        monkeypatch.setattr("builtins.input", lambda prompt: "ama")
        out = StringIO()
        call_command("erase_user", "ama", stdout=out)
        verified = Erasure.objects.get().due_at
        for line in (
            "No reference to ama remains in the activity store, SQL and Redis",
            f"is verified after {verified:%Y-%m-%d %H:%M} UTC",
            "append-only file",
            "plans of others",
            "traces",
            "backups",
        ):
            assert line in out.getvalue()
        assert privacy.find_references("ama") == {}
        assert Erasure.objects.get().erased_at is not None

    def test_an_unknown_uid_has_no_data(self) -> None:
        out = StringIO()
        call_command("erase_user", "unknown", "--yes", stdout=out)
        assert out.getvalue() == "There is no data about unknown.\n"

    def test_an_export_ends_quietly_when_the_reader_closes_the_pipe(self) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "w") as out:  # closing it flushes the buffer
            call_command("export_user", "unknown", stdout=out)

    @pytest.mark.usefixtures("activity_store", "catalogue")
    def test_an_export_is_one_json_document_with_all_data(self, tmp_path: Path) -> None:
        make_busy("ama")
        open_feeds("ama")
        out = StringIO()
        call_command("export_user", "ama", stdout=out)
        document = json.loads(out.getvalue())
        assert document["uid"] == "ama"
        by_collection: dict[str, list[dict[str, Any]]] = {}
        for entry in document["documents"]:
            by_collection.setdefault(entry["collection"], []).append(entry["document"])
        assert {"people", "activities", "follows", "timelines", "seen", "served", "pending_history"} == set(
            by_collection
        )
        (pending,) = by_collection["pending_history"]
        assert pending["delta"]["seen"].keys() == {"film-0002", "film-0003"}
        (person,) = by_collection["people"]
        assert person["name"] == "ama's name"
        assert "yaw" in json.dumps(person["blocked"])
        assert "blocked_by" not in person
        assert {a["title"] for a in by_collection["activities"]} >= {"movie:1001", "movie:1006"}
        served = {entry["item"] for entry in by_collection["served"]}
        assert {item["id"] for item in get_feed("ama", limit=5)["feed"]} <= served
        file = tmp_path / "ama.json"
        call_command("export_user", "ama", output=file, stderr=StringIO())
        assert json.loads(file.read_text()).keys() == document.keys()
        assert file.stat().st_mode & 0o077 == 0
        with pytest.raises(CommandError, match="cannot be written"):
            call_command("export_user", "ama", output=file)
