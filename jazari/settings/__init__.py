"""What a node is told: its home folder, its environment, its Django settings."""
