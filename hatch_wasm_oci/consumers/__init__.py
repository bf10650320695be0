"""What the consumers of an image take and refuse, in the words that they would log: pure, without network or clock."""
