"""aseq beside its peers, measured in one run: `python -m benchmarks`. Imports nothing, for peers' interpreters."""
