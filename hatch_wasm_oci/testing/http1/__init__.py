"""HTTP/1.1 as the embedded registry speaks it: strict in what it reads, exact in what it sends."""
