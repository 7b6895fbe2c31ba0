"""Product events in the public Segment HTTP tracking format: received once, made into usage by rules."""
