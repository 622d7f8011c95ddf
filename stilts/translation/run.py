"""What each rank of `stilts translate` does: its share of the shards, round by round, and rank 0 joins them.

In a round every rank translates one shard, then they vote whether to go on. Which texts share a batch depends on the
shard alone, so any number of ranks, and any number of stops, gives the same translations.
"""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from stilts import distributed
from stilts.data.translators import SUFFIX
from stilts.distributed import World
from stilts.errors import InputError
from stilts.files import write_text
from stilts.provenance import code_version
from stilts.tasks.translations import SOURCE
from stilts.training.attempt import Attempt
from stilts.training.monitor import Progress, open_log
from stilts.training.record import Record as StatusRecord
from stilts.training.stopping import Votes
from stilts.translation.carry import BY_FALLBACK, Carrier, Translated
from stilts.translation.job import LOST, TranslationJob
from stilts.translation.layouts import Row, write_official, write_xtreme
from stilts.translation.records import Record, read_records
from stilts.translation.shards import Shards
from stilts.translation.translator import Translator

PATIENCE = 4 * 3600.0
"""Seconds that a rank waits for the others' shards: a slow model on a CPU takes its time."""
SAY_EVERY = 10.0  # seconds between log lines


class _Abandoned(Exception):
    """This rank was asked to stop within a shard, which is left."""


def execute(job: TranslationJob) -> bool:
    """Translate what is missing; a collective of all ranks. Returns whether this is rank 0.

    Raises:
        Stopped: the ranks were asked to stop; the same command goes on.
        StiltsError: it failed (also InputError); status.json says "failed" with its line.
    """
    world = distributed.setup(PATIENCE)
    world.on_main(job.check)
    run = _Run(job, world)
    with run.record.until_the_end():
        run.go()
    return world.main


class _Run:
    """The state of one call on one rank."""

    def __init__(self, job: TranslationJob, world: World) -> None:
        self.job, self.world, self.task = job, world, job.declared
        self.log: logging.Logger = open_log(job.folder, world.main)
        self.attempt = Attempt.begin(job.folder, world)
        self.record = StatusRecord(job.folder, self.attempt, world, self.log)
        self.votes = Votes(world, alive=self.record.alive)
        self.said = 0.0

    def go(self) -> None:
        """Translate every language that is not done, and say so."""
        job = self.job
        missing: list[str] = self.world.on_main(job.missing)
        if missing:
            records = read_records(self.task, SOURCE, job.data, job.limit)
            if not records:
                raise InputError(f"{job.task}/train/{SOURCE} has no row", "at least one", "use a larger file")
            self._translate(records, missing)
        self.record.update(state="done")

    def _translate(self, records: list[Record], languages: list[str]) -> None:
        made_of: str = self.world.on_main(lambda: self.job.made_of)
        size = self.job.settings.shard_rows
        shards = {code: Shards(self.job.folder / "shards" / code, len(records), size, made_of) for code in languages}
        left: dict[str, list[int]] = self.world.on_main(lambda: {code: _begun(one) for code, one in shards.items()})
        total = sum(map(len, shards.values()))
        done = total - sum(map(len, left.values()))
        translator = self._load(languages)
        self.log.info(
            "%s: %d rows into %s, %d shards of %d rows, %d of them done; %s, %d ranks on %s",
            self.task.name, len(records), ", ".join(languages), total, size, done, self.job.model, self.world.size,
            self.world.device.type,
        )  # fmt: skip
        self.record.update(step=done, steps=total)
        bar = Progress(f"translate {self.task.name}", total, self.world.main)
        try:
            for code, one in shards.items():
                translator.into(code)
                carrier = Carrier(self.task, code, self.job.settings, translator.fits)
                done = self._shards(carrier, translator, records, one, left[code], done, bar)
                self.world.on_main(partial(self._join, code, records, one, translator.commit))
        finally:
            bar.close()

    def _load(self, languages: list[str]) -> Translator:
        """The model, if it knows all languages."""
        job = self.job
        translator = Translator(job.model, job.revision, SOURCE, job.settings, self.world.device)
        for code in languages:
            translator.into(code)
        if translator.one_pair and len(job.languages) > 1:
            raise InputError(
                f"{job.model} has no tokens for languages, so it has one target, and --to names {len(job.languages)}",
                "its own target language alone",
                "name that one, or take a multilingual --model",
            )
        return translator

    def _shards(
        self, carrier: Carrier, translator: Translator, records: list[Record], shards: Shards, left: list[int],
        done: int, bar: Progress,
    ) -> int:  # fmt: skip
        """Translate the shards that are left, one a rank and round; how many of all are done then."""
        size, began, rows = self.world.size, time.monotonic(), 0
        for first in range(0, len(left), size):
            self.votes.check("between two shards")
            own = left[first + self.world.rank : first + self.world.rank + 1]
            with contextlib.suppress(_Abandoned):
                for number in own:
                    part = [records[row] for row in shards.span(number)]
                    texts = carrier.carry(part, lambda wanted: translator.translate(wanted, self._between))
                    shards.write(number, texts, self.attempt)
            self.votes.check("within a shard")
            finished = left[first : first + size]
            done += len(finished)
            rows += sum(len(shards.span(number)) for number in finished)
            self.record.update(step=done)
            speed = rows / max(time.monotonic() - began, 1e-9)
            bar.advance(done, f"{carrier.language}, {speed:.1f} rows/s")
            if time.monotonic() - self.said > SAY_EVERY or first + size >= len(left):
                self.said = time.monotonic()
                said = carrier.language, min(len(left), first + size), len(left), speed
                self.log.info("%s: %d of %d shards of this start, %.1f rows/s", *said)
        return done

    def _between(self) -> None:
        """Between two batches: leave the shard where this rank was asked to stop, and give a sign of life."""
        if self.votes.mine():
            raise _Abandoned
        if self.world.main:
            self.record.alive()

    # ---- rank 0

    def _join(self, language: str, records: list[Record], shards: Shards, commit: str | None) -> None:
        """Write the translated files, what was lost, and last what made them; then the shards may go."""
        rows: list[Row] = list(zip(records, shards.read(), strict=True))
        kept = [(record, made) for record, made in rows if not made.lost]
        path, xtreme = self.job.official(language), self.job.xtreme(language)
        self.attempt.check()
        write_official(self.task, path, kept)
        if xtreme is not None:
            write_xtreme(self.task, xtreme, kept)
        lost = [_lost(number, *row) for number, row in enumerate(rows, start=1) if row[1].lost]
        write_text(path.with_name(path.name + LOST), "".join(lost))
        content = self._provenance(language, commit, [made for _, made in rows], path, xtreme)
        write_text(path.with_name(path.name + SUFFIX), json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        counts = content["rows"]
        self.log.info("%s: %d rows in %s, %d lost", language, counts["written"], path, len(lost))
        shutil.rmtree(shards.folder)

    def _provenance(
        self, language: str, commit: str | None, made: list[Translated], path: Path, xtreme: Path | None
    ) -> dict[str, Any]:
        import transformers

        job = self.job
        lost = Counter(one.lost for one in made if one.lost)
        return {
            "task": job.task,
            "from": SOURCE,
            "to": language,
            "model": job.model,
            "revision": job.revision or commit,
            "settings_hash": job.made_of,
            "settings": job.decides,
            "source": [{**source, "path": Path(source["path"]).name} for source in job.sources],
            "rows": {
                "source": len(made),
                "written": sum(not one.lost for one in made),
                "lost": dict(sorted(lost.items())),
                "fallback": sum(one.found == BY_FALLBACK for one in made),
                "cut": sum(one.cut and not one.lost for one in made),
            },
            "file": str(path.relative_to(job.out)),
            "xtreme_file": None if xtreme is None else str(xtreme.relative_to(job.out)),
            "lost_file": str(path.relative_to(job.out)) + LOST,
            "git": code_version(),
            "transformers": transformers.__version__,
        }


def _begun(shards: Shards) -> list[int]:
    shards.folder.mkdir(parents=True, exist_ok=True)
    return shards.missing()


def _lost(number: int, record: Record, made: Translated) -> str:
    """A line of the list of lost rows: its row in the source, its id, why, and what the model made of it."""
    content = {"row": number, "id": record.id, "reason": made.lost, "source": record.texts, "translation": made.texts}
    return json.dumps(content, ensure_ascii=False) + "\n"
