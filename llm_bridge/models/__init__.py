"""Models of Hugging Face: from a folder or the hub, with adapters, or tiny and random where no file is to be had."""
