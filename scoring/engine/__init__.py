"""Scoring as arithmetic: numpy and pandas only, no clock, no database, no Django."""
