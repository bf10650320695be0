"""What an image is: pure values, from references and descriptors to whole archives."""
