"""The page in several languages: catalogues of messages, numbers and dates, and sentences that were stored in English.

Templates ask for their texts by ``_("…")``, with values as ``%(name)s``. Whatever is made elsewhere (reasons, checks, errors) is
English text with no language known; its messages have ``{name}`` for values, and the page recognises and translates them when
it shows them.
"""
