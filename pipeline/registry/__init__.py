"""Models as they are kept: the bundle of text files, and MLflow."""
