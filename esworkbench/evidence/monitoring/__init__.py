"""What is worth asking a live store every hour: bounded work, one read-only cut, nothing written to it.

- `checks`: each check, and how they are run at one cut
- `state`: what one run leaves for the next, kept outside the store
- `gauges`: the latest results for OpenTelemetry
"""
