"""What media work costs."""
