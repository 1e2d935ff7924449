"""What every function is built from: the domain, the use cases, and the adapters at their edges."""

import gc

# What a function loads lives as long as its process. At Python's own threshold (700 new objects) the collector walks
# all of it again and again meanwhile: a fifth of the time to the first response.
gc.set_threshold(100_000, 20, 20)
