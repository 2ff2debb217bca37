"""Data that lie in memory: kept in the study as Parquet by content, then an ordinary run."""
