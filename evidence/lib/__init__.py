"""What acceptance runs share."""
