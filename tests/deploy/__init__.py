"""What deploy/ promises, by what its manifests come to."""
