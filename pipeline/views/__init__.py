"""What the page and the reports share: how values read, charts, parts of templates and the style sheet."""
