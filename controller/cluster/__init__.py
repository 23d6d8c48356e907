"""The Kubernetes API, as far as the operator writes to it: the one door to aiohttp."""
