"""The rulebook: dated versions of tariffs and policies, each stored as its text and never changed."""
