"""PyTorch: a hand-written loop with fused Adam, and a DataLoader over the csv module."""

from __future__ import annotations

import csv
import time
from typing import Any

from benchmarks.networks import CLASSES, NETWORKS, arrays
from benchmarks.workers.protocol import rate, serve


def describe() -> str:
    import torch

    return f"PyTorch {torch.__version__}"


def network(name: str) -> Any:
    import torch
    from torch import nn

    class Last(nn.Module):
        """A recurrent layer's last output."""

        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner(x)[0][:, -1]

    *_, size = shape = NETWORKS[name]["input"]
    channels_first = len(shape) == 3
    made: list[nn.Module] = []
    for kind, *arguments in NETWORKS[name]["layers"]:
        match kind:
            case "dense":
                made += [nn.Linear(size, arguments[0]), nn.ReLU()]
            case "gru":
                made.append(Last(nn.GRU(size, arguments[0], batch_first=True)))
            case "lstm":
                made.append(Last(nn.LSTM(size, arguments[0], batch_first=True)))
            case "conv":
                made += [nn.Conv2d(size, arguments[0], 3), nn.ReLU()]
            case "pool":
                made.append(nn.MaxPool2d(arguments[0]))
            case "flatten":
                made.append(nn.Flatten())
        size = arguments[0] if kind not in ("pool", "flatten") else size
    made.append(nn.LazyLinear(CLASSES) if channels_first else nn.Linear(size, CLASSES))
    return nn.Sequential(*made)


def steps(name: str, batch: int, seconds: float) -> float:
    import torch

    x, y, count = arrays(name, batch)
    if x.ndim == 4:
        x = x.transpose(0, 3, 1, 2).copy()
    batches = list(zip(torch.from_numpy(x).split(batch), torch.from_numpy(y).split(batch), strict=True))
    model = network(name)
    model(batches[0][0])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    loss_of = torch.nn.CrossEntropyLoss()

    def run(steps: int) -> None:
        total = torch.zeros(())
        for index in range(steps):
            inputs, targets = batches[index % count]
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(model(inputs), targets)
            loss.backward()
            optimizer.step()
            total += loss.detach()
        total.item()

    return rate(run, min(count, 50), seconds)


def rows(source: str, columns: int) -> float:
    import torch
    from torch.utils.data import DataLoader, IterableDataset

    class Rows(IterableDataset):
        def __iter__(self) -> Any:
            with open(source, newline="") as file:
                for row in csv.reader(file):
                    values = [float(value) for value in row]
                    yield torch.tensor(values[:-1]), values[-1]

    begun = time.perf_counter()
    count = sum(len(x) for x, _ in DataLoader(Rows(), batch_size=32))
    return count / (time.perf_counter() - begun)


if __name__ == "__main__":
    serve(describe, {"steps": steps, "rows": rows})
