"""A bank without a standard: its own JSON, as BILATERAL.md has it."""
