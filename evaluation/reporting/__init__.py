"""Score rows -> Parquet, summaries, comparisons of runs, stage attribution, and the report."""
