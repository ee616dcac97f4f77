"""Carries plans out: locks, journals, pauses, and the way back."""
