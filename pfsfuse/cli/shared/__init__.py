"""What commands of several sections share: the frame they hang in, what names mean, and how things are shown."""
