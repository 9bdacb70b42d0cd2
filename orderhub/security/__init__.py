"""Keys and rights."""
