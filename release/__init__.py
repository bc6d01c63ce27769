"""What a release is checked and described with: `make dependencies`, docs/releasing.md."""
