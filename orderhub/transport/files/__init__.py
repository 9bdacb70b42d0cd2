"""What connectors of files share, wherever the files lie: which names count, when a file is whole, how names of strangers are
shown and kept, what is taken next, and how answers are put down. Knows no file system and no server.
"""
