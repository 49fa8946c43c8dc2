"""The first set of migrations, frozen: the digest of its files, and the rows of a town's five days as it kept them."""
