"""How far read models are behind.

- `measure`: lag of one projection, now
- `monitor`: lag over time
- `gauges`: lag for OpenTelemetry
"""
