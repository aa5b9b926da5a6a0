"""Thin adapters to SDKs that change or refuse a body; each is a module of its own, and optional."""
