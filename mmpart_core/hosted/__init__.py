"""Models behind an HTTP interface: clients, their errors, what calls cost, and where keys are."""
