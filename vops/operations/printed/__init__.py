"""What kubectl and the programs around a cluster print, as the documents that the API would have sent."""
