"""The rulebook: dated versions of tariffs and policies, each kept as its text, none ever changed."""
