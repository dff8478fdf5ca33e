"""Every recorded trajectory of Keras and tf.js, run through aseq's own doors."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aseq
from aseq import callbacks

HERE = Path(__file__).parent
MANIFEST = json.loads((HERE / "manifest.json").read_text())
ARRAYS = np.load(HERE / "arrays.npz")

PEER_QUIRKS = {
    "tfjs_regularizer_constraint": "tf.js never applies constraints while training; aseq enforces them",
}


def cases() -> list[Any]:
    quirks = {case["id"] for case in MANIFEST["cases"] if "peer_quirk" in case["tags"]}
    assert quirks == set(PEER_QUIRKS)
    return [pytest.param(c, id=c["id"]) for c in MANIFEST["cases"] if c["id"] not in PEER_QUIRKS]


@pytest.mark.parametrize("case", cases())
async def test_case(case: dict[str, Any]) -> None:
    run = Run(case)
    await run.go()
    assert not run.problems, "\n".join(run.problems)


class Run:
    """One case: its arrays, its model, and what went wrong."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.case = case
        self.arrays = {name: ARRAYS[f"{case['id']}/{name}"] for name in case["arrays"]}
        self.problems: list[str] = []
        self.model = aseq.Sequential.from_config(case["config"])
        self.model.build()
        if case.get("init_from_config"):
            self.check_weights("w_init")
        self.model.set_weights(self.split("w_init"))

    async def go(self) -> None:
        case, model = self.case, self.model
        if case.get("compile") is not None:
            compiled = case["compile"]
            model.compile(
                compiled["optimizer"],
                compiled["loss"],
                compiled["metrics"],
                weighted_metrics=compiled["weighted_metrics"],
            )
        self.compare("output_shape", model.output_shape[1:], case["output_shape"])
        await self.predict("p0")
        if case.get("evaluate_before"):
            await self.evaluate("evaluate_before")
        if case.get("train") is not None:
            self.reset()
            await getattr(self, case["train"]["mode"])(case["train"])
            await self.predict("p1")
            self.check_weights("w_final")
        if case.get("evaluate") is not None:
            await self.evaluate("evaluate")

    # Phases -------------------------------------------------------------------------------------

    async def predict(self, name: str) -> None:
        spec = self.case["predict"]
        if spec is None or name not in self.arrays:
            return
        self.reset()
        x = self.rows(spec["rows"])[0]
        self.compare(name, await self.model.predict(x, batch_size=spec["batch_size"]), self.arrays[name])

    async def evaluate(self, name: str) -> None:
        self.reset()
        spec = self.case["evaluate"]
        if "batches" in spec:
            batches = [self.rows(r)[:2] for r in spec["batches"]] * (100 if spec.get("repeat") else 1)
            got = await self.model.evaluate_dataset(
                batches, steps=spec.get("steps"), verbose=0, return_dict=True
            )
        else:
            x, y, w = self.rows(spec["rows"], spec["sample_weight"])
            got = await self.model.evaluate(
                x, y, sample_weight=w, batch_size=spec["batch_size"], verbose=0, return_dict=True
            )
        self.compare_logs(name, got, self.case["expected"][name])

    async def train_on_batch(self, spec: dict[str, Any]) -> None:
        rates = []
        for number, step in enumerate(spec["steps"]):
            if step["reset_states"]:
                self.model.reset_states()
            x, y, w = self.rows(step["rows"], step["sample_weight"])
            got = await self.model.train_on_batch(
                x, y, sample_weight=w, class_weight=step["class_weight"], return_dict=True
            )
            self.compare_logs(f"step {number}", got, self.case["expected"]["step_logs"][number])
            rates.append(self.model.optimizer.current_learning_rate())
        if "lr_after_step" in self.case["expected"]:
            self.compare("lr_after_step", rates, self.case["expected"]["lr_after_step"])

    async def fit(self, spec: dict[str, Any]) -> None:
        options = {
            "epochs": spec["epochs"],
            "initial_epoch": spec["initial_epoch"],
            "class_weight": spec["class_weight"],
            "steps_per_epoch": spec["steps_per_epoch"],
            "validation_data": self.validation(spec["validation_data"]),
            "validation_steps": spec["validation_steps"],
            "validation_freq": spec["validation_freq"],
            "callbacks": [make_callback(c) for c in spec["callbacks"]],
            "verbose": 0,
        }
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*ran out.*", UserWarning)  # some cases run dry on purpose
            if "batches" in spec["data"]:
                history = await self.model.fit_dataset(self.generator(spec["data"]), **options)
            else:
                x, y, w = self.rows(spec["data"]["rows"], spec["data"]["sample_weight"])
                history = await self.model.fit(
                    x,
                    y,
                    sample_weight=w,
                    batch_size=spec["batch_size"],
                    shuffle=False,
                    validation_split=spec["validation_split"],
                    validation_batch_size=spec["validation_batch_size"],
                    **options,
                )
        self.check_history(history)

    async def fit_dataset(self, spec: dict[str, Any]) -> None:
        validation: Any = spec["validation_data"]
        steps = None
        if validation is not None and "batches" in validation:
            steps = spec.get("validation_batches")
            validation = [self.rows(r)[:2] for r in validation["batches"]]
        elif validation is not None:
            validation = self.rows(validation["rows"])[:2]
        dataset: Any = [self.rows(r)[:2] for r in spec["data"]["batches"]]
        if spec["data"]["repeat"]:
            dataset = self.generator(spec["data"])
        history = await self.model.fit_dataset(
            dataset,
            epochs=spec["epochs"],
            initial_epoch=spec["initial_epoch"],
            steps_per_epoch=spec.get("batches_per_epoch"),
            class_weight=spec["class_weight"],
            validation_data=validation,
            validation_steps=steps,
            callbacks=[make_callback(c) for c in spec["callbacks"]],
            verbose=0,
        )
        self.check_history(history)

    def validation(self, spec: dict[str, Any] | None) -> Any:
        if spec is None:
            return None
        if "batches" in spec:
            return [self.rows(r, spec["sample_weight"]) for r in spec["batches"]]
        x, y, w = self.rows(spec["rows"], spec["sample_weight"])
        return (x, y) if w is None else (x, y, w)

    def generator(self, spec: dict[str, Any]) -> Any:
        while True:
            for rows in spec["batches"]:
                x, y, w = self.rows(rows, spec.get("sample_weight", False))
                yield (x, y) if w is None else (x, y, w)
            if not spec["repeat"]:
                return

    # Comparing ----------------------------------------------------------------------------------

    def rows(self, rows: list[int], weighted: bool = False) -> tuple[Any, Any, Any]:
        a, b = rows
        y = self.arrays["y"][a:b] if "y" in self.arrays else None
        return self.arrays["x"][a:b], y, self.arrays["sw"][a:b] if weighted else None

    def reset(self) -> None:
        if self.case.get("stateful"):
            self.model.reset_states()

    def split(self, name: str) -> list[Any]:
        flat, out, start = self.arrays[name], [], 0
        for spec in self.case["weights"]:
            size = int(np.prod(spec["shape"]))
            out.append(flat[start : start + size].reshape(spec["shape"]))
            start += size
        return out

    def check_weights(self, name: str) -> None:
        got, expected = self.model.get_weights(), self.split(name)
        assert len(got) == len(expected), f"{len(got)} weights, expected {len(expected)}"
        for spec, g, e in zip(self.case["weights"], got, expected, strict=True):
            self.compare(f"{name} {spec['path']}", g, e)

    def check_history(self, history: Any) -> None:
        expected = self.case["expected"]
        self.compare_logs("history", history.history, expected["history"])
        self.compare("epochs", history.epoch, expected["epochs"])

    def compare_logs(self, what: str, got: dict[str, Any], expected: dict[str, Any]) -> None:
        if set(expected) - set(got):
            self.problems.append(f"{what}: keys {sorted(got)}, expected {sorted(expected)}")
        for key in set(expected) & set(got):
            self.compare(f"{what} {key}", got[key], expected[key])

    def compare(self, what: str, got: Any, expected: Any) -> None:
        got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
        if got.shape != expected.shape:
            self.problems.append(f"{what}: shape {got.shape}, expected {expected.shape}: {got} {expected}")
            return
        rtol, atol = self.case["tolerance"]["rtol"], self.case["tolerance"]["atol"]
        if got.size:
            ratio = np.max(np.abs(got - expected) / (atol + rtol * np.abs(expected)))
            if not ratio <= 1:
                self.problems.append(f"{what}: {ratio:.3g} times the tolerance")


def make_callback(spec: dict[str, Any]) -> Any:
    if spec["class_name"] == "LearningRateScheduler":
        table = spec["config"]["schedule"]
        return callbacks.LearningRateScheduler(lambda epoch, lr: table[epoch])
    return getattr(callbacks, spec["class_name"])(**spec["config"])
