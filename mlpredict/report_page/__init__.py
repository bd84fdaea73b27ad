"""Reports for others: as JSON, and as one page with plots and pictures."""
