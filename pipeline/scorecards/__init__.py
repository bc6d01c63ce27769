"""The score sheets of a project: files, versions, and sheets to start from."""
