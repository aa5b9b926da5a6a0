"""Derives `schemas/*/official*.json` from the types of the providers' own SDKs."""
