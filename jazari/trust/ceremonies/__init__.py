"""Board ceremonies: prepared at the Root, reviewed and signed offline by file, finished at the Root."""
