"""How long each way to rebuild takes as the log grows, and what that says about two billion events."""
