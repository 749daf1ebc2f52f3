"""Models of metrics that need weights, from files of this machine; torch loads when one opens."""
