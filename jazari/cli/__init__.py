"""What every command shares: output, progress, errors, exit codes, passphrases."""
