"""From model to rows, text and documents, for every front end. Knows no terminal and no widget."""
