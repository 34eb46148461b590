"""What a fitted network tells about itself: standard errors, shares of its parts, smaller widths."""
