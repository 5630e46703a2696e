"""Toolgate: a gateway between language models and tools."""
