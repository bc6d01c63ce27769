"""Reading and nightly scoring at full size: the generated project, the commands, and the limits they are held against."""
