"""Layers joined into a graph over one flat parameter vector; forward and backward through it."""

from aseq.network._network import Network, Pass
from aseq.network._route import Node, chain

__all__ = ["Network", "Node", "Pass", "chain"]
