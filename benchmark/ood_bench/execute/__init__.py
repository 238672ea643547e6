"""Executors: run what a plan lacks."""
