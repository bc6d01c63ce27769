"""The page: the published scores in a browser, for marketers, reps and managers.

It reads the immutable copy that `leadlens score` publishes and never the tables that scores are written to; what people say
there goes to a file of its own. Pages are plain HTML with real addresses and no script.
"""
