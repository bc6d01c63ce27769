"""Every sentence that the packages beneath the page make in English, as messages of the catalogues.

Nothing imports these lists: they are what is extracted. ``tests/pipeline/test_languages_made.py`` makes the sentences and fails for
one that no message here was read from.
"""
