"""Convolution and pooling as their definitions say, one window after the other: what the fast ones must equal."""

from __future__ import annotations

from itertools import product

import numpy as np


def margins(n, k, s, d, padding):
    """(outputs, cells of padding before) along one axis, by TensorFlow's rules."""
    span = (k - 1) * d + 1
    if padding == "valid":
        return (n - span) // s + 1, 0
    outputs = -(-n // s)
    if padding == "causal":
        return outputs, span - 1
    return outputs, max(0, (outputs - 1) * s + span - n) // 2


def windows(x, kernel, strides, dilation, padding):
    """For each output, by its index: the list of (place in the window, cells of all samples there)."""
    axes = [margins(*axis, padding) for axis in zip(x.shape[1:-1], kernel, strides, dilation, strict=True)]
    for output in product(*(range(count) for count, _ in axes)):
        seen = []
        for place in product(*(range(k) for k in kernel)):
            at = tuple(
                j * s + t * d - before
                for j, s, t, d, (_, before) in zip(output, strides, place, dilation, axes, strict=True)
            )
            if all(0 <= i < n for i, n in zip(at, x.shape[1:-1], strict=True)):
                seen.append((place, x[(slice(None), *at)]))
        yield output, seen


def output_sizes(x, kernel, strides, dilation, padding):
    return tuple(
        margins(*axis, padding)[0] for axis in zip(x.shape[1:-1], kernel, strides, dilation, strict=True)
    )


def correlate(x, kernel, strides, dilation, padding, groups=1):
    """z[b, j] = sum over places t of x[b, what j sees at t] kernel[t], group by group."""
    shape, filters = kernel.shape[:-2], kernel.shape[-1]
    z = np.zeros((len(x), *output_sizes(x, shape, strides, dilation, padding), filters), x.dtype)
    channels, each = x.shape[-1] // groups, filters // groups
    for output, seen in windows(x, shape, strides, dilation, padding):
        for place, cells in seen:
            for g in range(groups):
                mine = slice(g * each, (g + 1) * each)
                part = cells[:, g * channels : (g + 1) * channels]
                z[(slice(None), *output, mine)] += part @ kernel[place][:, mine]
    return z


def pool(x, size, strides, padding, reduce):
    """reduce(cells, axis=0) over the real cells of every window."""
    ones = (1,) * len(size)
    y = np.zeros((len(x), *output_sizes(x, size, strides, ones, padding), x.shape[-1]), x.dtype)
    for output, seen in windows(x, size, strides, ones, padding):
        y[(slice(None), *output)] = reduce(np.stack([cells for _, cells in seen]), axis=0)
    return y


def first_maximum_gradient(x, dy, size, strides, padding):
    """The gradient of max pooling where the first of equal values, in row order, takes it all."""
    ones = (1,) * len(size)
    dx = np.zeros_like(x)
    axes = [margins(*axis, padding) for axis in zip(x.shape[1:-1], size, strides, ones, strict=True)]
    for output, seen in windows(x, size, strides, ones, padding):
        best = np.argmax(np.stack([cells for _, cells in seen]), axis=0)  # argmax takes the first
        for b, c in product(range(len(x)), range(x.shape[-1])):
            place = seen[best[b, c]][0]
            at = tuple(j * s + t - a[1] for j, s, t, a in zip(output, strides, place, axes, strict=True))
            dx[(b, *at, c)] += dy[(b, *output, c)]
    return dx
