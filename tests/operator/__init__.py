"""The operator as a whole: against an API server, fake or real, and the local AWS."""
