"""The values of data: their statistics, and which of them become -1 and 1."""
