"""Checks of the training rows before a model is fitted: enough data, leaks, time proxies."""
