"""What `stilts plan` says that each run will use."""

from __future__ import annotations

from stilts.study.show import plan_json, plan_text


def row_of(text: str, first: str, second: str) -> list[str]:
    """The cells of the settings' row that begins like this."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    return next(row for row in rows if row[:2] == [first, second] and len(row) == 11)


def test_the_settings_of_every_kind_of_run(make_plan):
    per_task = {"panx": {"warmup": 30, "weight_decay": 0.5, "epochs": 3}}
    plan = make_plan(
        training={"preset": "xtreme"},
        target={"benchmark": "xtreme_r", "tasks": ["xnli", "xcopa", "panx", "mlqa"], "per_task": per_task},
    )
    text = plan_text(plan)
    assert row_of(text, "target", "xnli") == [
        "target", "xnli", "xnli", "fresh", "5 epochs", "32", "3e-05", "0", "0.0", "128", "best: xnli/dev/en"
    ]  # fmt: skip
    assert row_of(text, "target", "a stage of a chain")[2:5] == ["socialiqa", "fresh", "5 epochs"]
    assert row_of(text, "target", "xcopa")[2:5] == ["copa", "reuse", "5 epochs"]
    assert row_of(text, "target", "panx")[4:9] == ["3 epochs", "32", "2e-05", "30", "0.5"]
    assert row_of(text, "intermediate", "squad")[2:] == [
        "–", "fresh", "3 epochs", "32", "3e-05", "500", "0.0001", "384", "last"
    ]  # fmt: skip
    assert "all runs: adamw, epsilon 1e-08, gradients clipped to 1; the best checkpoint is looked for " in text
    assert "same data in both phases (marked in every table): squad: mlqa" in text


def test_sets_that_choose_a_checkpoint(make_plan):
    plan = make_plan(training={"select": "best"}, evaluation={"selection": "all_language_dev"})
    assert row_of(plan_text(plan), "target", "xnli")[-1] == "best: xnli/dev/2 languages"
    assert row_of(plan_text(plan), "target", "mlqa")[-1] == "best: squad_v1/train/en"


def test_settings_as_json(make_plan):
    content = plan_json(make_plan())
    assert content["same_data"] == [["squad", "mlqa"]]
    assert content["settings"]["target-none-xnli-t1"] == {
        "trains_on": ["mnli"], "head": "fresh", "max_steps": 4, "epochs": None, "batch_size": 32, "learning_rate": 1e-5,
        "warmup": 0.1, "weight_decay": 0.01, "max_length": 256, "checkpoint": "last",
    }  # fmt: skip
    assert set(content["settings"]) == {row["run"] for row in content["runs"] if row["trains_on"]}
