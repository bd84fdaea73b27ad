"""What is done with images, whoever asks for it: the command line, the server, or a program."""
